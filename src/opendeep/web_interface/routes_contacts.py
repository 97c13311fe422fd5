"""`/api/contacts`: each route is one service call. No rules, no rows."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from opendeep.web_interface import models_contacts as m
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api/contacts", responses=ERRORS)

Search = Annotated[str, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]


@router.get("")
async def contacts(
    user: SignedIn, services: TheServices, search: Search = "", limit: Limit = 50, offset: Offset = 0
) -> m.ContactsView:
    """Your contacts by name; `search` is part of a name, number or note."""
    return m.ContactsView.model_validate(await services.contacts.page(user.id, search, limit, offset))


@router.post("", status_code=201)
async def create_contact(body: m.NewContact, user: SignedIn, services: TheServices) -> m.ContactDetailView:
    """Calls that end make their contacts by themselves; this makes one before. 409: the number is known."""
    return m.ContactDetailView.model_validate(await services.contacts.create(user.id, body.model_dump()))


@router.get("/{contact_id}")
async def contact(contact_id: UUID, user: SignedIn, services: TheServices) -> m.ContactDetailView:
    return m.ContactDetailView.model_validate(await services.contacts.detail(user.id, contact_id))


@router.patch("/{contact_id}")
async def change_contact(
    contact_id: UUID, body: m.ContactChanges, user: SignedIn, services: TheServices
) -> m.ContactDetailView:
    changes = body.model_dump(exclude_unset=True)
    return m.ContactDetailView.model_validate(await services.contacts.change(user.id, contact_id, changes))


@router.delete("/{contact_id}", status_code=204)
async def delete_contact(contact_id: UUID, user: SignedIn, services: TheServices) -> None:
    """The contact and all that is known of it are gone; the record of its campaigns stays."""
    await services.contacts.delete(user.id, contact_id)


@router.get("/{contact_id}/export")
async def export_contact(
    contact_id: UUID, response: Response, user: SignedIn, services: TheServices
) -> m.ContactExportView:
    """All that is kept about a contact, as a file."""
    response.headers["Content-Disposition"] = f'attachment; filename="contact-{contact_id}.json"'
    return m.ContactExportView.model_validate(await services.contacts.export(user.id, contact_id, datetime.now(UTC)))


@router.post("/{contact_id}/facts", status_code=201)
async def add_fact(contact_id: UUID, body: m.FactRequest, user: SignedIn, services: TheServices) -> m.FactView:
    """What you know of the contact; the next call is told."""
    return m.FactView.model_validate(await services.contacts.add_fact(user.id, contact_id, body.text))


@router.patch("/{contact_id}/facts/{fact_id}")
async def change_fact(
    contact_id: UUID, fact_id: UUID, body: m.FactRequest, user: SignedIn, services: TheServices
) -> m.FactView:
    """Your words in its place; a fact that a call taught loses its proof."""
    return m.FactView.model_validate(await services.contacts.change_fact(user.id, contact_id, fact_id, body.text))


@router.delete("/{contact_id}/facts/{fact_id}", status_code=204)
async def delete_fact(contact_id: UUID, fact_id: UUID, user: SignedIn, services: TheServices) -> None:
    await services.contacts.delete_fact(user.id, contact_id, fact_id)
