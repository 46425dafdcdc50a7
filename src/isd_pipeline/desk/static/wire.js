// What every page asks of the service, and what it tells the coder.

const message = document.getElementById("message");
const name = document.getElementById("who");
const NAME = "isd-coder"; // of the one thing that the browser keeps: the coder's own name

name.value = localStorage.getItem(NAME) ?? "";
name.addEventListener("input", () => localStorage.setItem(NAME, name.value.trim()));

/** Show one line, or none. */
export function tell(line) {
  message.textContent = line;
  message.hidden = !line;
}

/** The coder's name; where there is none the field is shown, and the answer is "". */
export function coder() {
  const who = name.value.trim();
  if (!who) {
    tell("Say who you are first: a decision carries your name.");
    name.focus();
  }
  return who;
}

/**
 * Get JSON, or post a value and get JSON; `allowed` is one more status whose body is wanted.
 * Throws an Error whose message is the service's own line.
 */
export async function ask(path, value, allowed = 200) {
  const posted = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(value),
  };
  let answer;
  try {
    answer = await fetch(path, value === undefined ? {} : posted);
  } catch {
    throw new Error("The service does not answer; nothing was recorded.");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok && answer.status !== allowed) {
    throw new Error(body.detail ?? `The service answered ${answer.status}.`);
  }
  return { status: answer.status, body };
}
