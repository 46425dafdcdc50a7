"""The coder's screen at `/` of the service: pages, and what their scripts ask.

    app.state.desk = Desk(WorkList(notes), DecisionLog(path))
    app.include_router(router)

The application is the service's: its queue reads the notes, its guard holds Host, Origin, token and
no-store. No path and no query holds anything of a note: its key is a hash, and what is searched for
is posted. This package alone knows FastAPI.
"""

from fastapi import APIRouter

from isd_pipeline.desk.pages import html, scripts
from isd_pipeline.desk.pages.state import Desk

__all__ = ["Desk", "router"]

router = APIRouter(include_in_schema=False)
router.include_router(html.routes)
router.include_router(scripts.routes)
