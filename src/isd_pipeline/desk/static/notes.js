// The list of notes: a note from the clipboard goes to the desk in the body of a request.

import { ask, tell } from "./wire.js";

document.getElementById("paste").addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = document.getElementById("paste-id").value;
  const text = document.getElementById("paste-text").value;
  try {
    const { body } = await ask("/notes", { id, text });
    location.assign(`/notes/${body.key}`);
  } catch (error) {
    tell(error.message);
  }
});
