"""All of the admin's routes behind one door; what is put in here needs no guard of its own."""

from fastapi import APIRouter, Depends

from rather.web.admin import details, exports, items, overview, people, settling
from rather.web.auth import current_admin

router = APIRouter(prefix="/api/admin", dependencies=[Depends(current_admin)])
for part in (overview, items, details, settling, people, exports):
    router.include_router(part.router)
