"""Act on shops and dead letters as an operator does. A method imports the part that it alone needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shopstream import ids as identifiers
from shopstream.client.linked import Linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import BinaryIO

    from shopstream.backup.exporting import Exported
    from shopstream.backup.importing import Imported
    from shopstream.consents.held_consents import HeldConsent
    from shopstream.consents.invites import Invite
    from shopstream.consume.groups.group_list import ConsumerGroup
    from shopstream.dead.given_up import GroupDead
    from shopstream.dead.letters import DeadLetters, Requeued
    from shopstream.enqueue.forgetting import Forgotten
    from shopstream.enqueue.subscribing import Subscriptions
    from shopstream.events import Event
    from shopstream.ids import AnyId
    from shopstream.registry.settings import ShopSettings
    from shopstream.registry.shop import Shop

_INVITE_SECONDS: Final = 7 * 86_400


class Operating(Linked):
    """The part of the client that changes settings, consents and dead letters."""

    async def change_settings(self, shop_id: AnyId, **changes: str | int | bool) -> ShopSettings:
        """Change settings of a shop, and give all of them. An interval that is changed counts from now on.

        Raises:
            InvalidArgument: no change is named.
            InvalidSetting: there is no such setting, or not with that value; nothing has been changed then.
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.registry import settings_store

        if not changes:
            raise identifiers.InvalidArgument("name a setting to change, as change_settings(shop, stock_interval=3600)")
        shop = identifiers.check("shop", shop_id)
        return await settings_store.change(self.redis, await self._find_authorized(shop), shop, changes)

    async def authorize(self, code: str, *, app: str = "", timeout: float = 60) -> list[Shop]:
        """Hand a seller's one-use authorization code to a worker, and give the shops that it opened.

        The code is worth nothing without the app secret, which only workers have. It is gone from Redis when used.
        `app` is the name of the app that the seller consented to, if workers have several.

        Raises:
            InvalidArgument: no app can have this name, or this can't be a code.
            AuthorizationFailed: TikTok refused the code, or could not be asked.
            NoWorker: none answered within `timeout` seconds.
        """
        from shopstream.enqueue import consent
        from shopstream.registry.shop_of_apps import read_app_name

        text = consent.write_app_code(read_app_name(app), code)
        return await consent.redeem(self.redis, await self._count_partitions(), text, timeout)

    async def invite(
        self, *, label: str = "", seconds: int = _INVITE_SECONDS, us: bool = False, app: str = ""
    ) -> Invite:
        """Make an invite: a link by which a seller consents once, in a browser, by way of the gateway.

        Args:
            label: a note on the seller, for you.
            seconds: the life of the link, 7 days at most.
            us: true for a seller in the US, where TikTok's page is another one.
            app: the name of the app to consent to, if the gateway has several.

        Raises:
            InvalidArgument: the label, the life or the app's name is not valid, or no worker has an app of this name.
            EmptyRedis: no worker has started on this Redis.
        """
        from shopstream.consents import invites
        from shopstream.registry.shop_of_apps import read_app_name
        from shopstream.registry.workers import check_app

        name = read_app_name(app)
        await self._count_partitions()
        if name:
            await check_app(self.redis, name)
        return await invites.create(self.redis, label, seconds, us=us, app=name)

    async def list_held_consents(self) -> list[HeldConsent]:
        """List the consents that no invite began and that the gateway holds for an operator's yes.

        Raises:
            EmptyRedis: no worker has started on this Redis, or the deployment has moved to another one.
        """
        from shopstream.consents import held_consents

        await self._count_partitions()
        return await held_consents.list_held(self.redis)

    async def accept_held_consent(self, name: str, *, timeout: float = 60) -> list[Shop]:
        """Accept a held consent: hand its code to a worker, and give the shops that it opened.

        Raises:
            UnknownHold: no consent of this name is held.
            AuthorizationFailed: TikTok refused the code, or could not be asked.
            NoWorker: none answered within `timeout` seconds. The consent is still held then.
        """
        from shopstream.consents import held_consents

        return await held_consents.accept(self.redis, await self._count_partitions(), name, timeout)

    async def retry_shops(self, shop_id: AnyId | None = None) -> list[str]:
        """Have a shop tried once more that waits for its seller or whose calls fail, or all; see `troubles.retry`."""
        from shopstream.registry import troubles as standings

        wanted = None if shop_id is None else identifiers.check("shop", shop_id)
        return await standings.retry(self.redis, await self._count_partitions(), wanted)

    async def pause(self, shop_id: AnyId | None = None) -> None:
        """Have no worker fetch a shop, or with None any shop. Requests wait, and consents are kept alive.

        Raises:
            UnknownShop: nobody has authorized the shop.
            EmptyRedis: no worker has started on this Redis, or the deployment has moved to another one.
        """
        from shopstream.registry import pausing

        if shop_id is None:
            await self._count_partitions()  # whoever stops everything must learn that it goes on in another Redis
            await pausing.pause_all(self.redis)
            return
        shop = identifiers.check("shop", shop_id)
        await pausing.pause(self.redis, await self._find_authorized(shop), shop)

    async def resume(self, shop_id: AnyId | None = None) -> bool:
        """End the pause of a shop, or with None that of all. A shop that is paused by itself stays so then.

        Returns False if there was no pause.

        Raises:
            UnknownShop: nobody has authorized the shop.
            EmptyRedis: no worker has started on this Redis, or the deployment has moved to another one.
        """
        from shopstream.registry import pausing

        if shop_id is None:
            await self._count_partitions()
            return await pausing.resume_all(self.redis)
        shop = identifiers.check("shop", shop_id)
        return await pausing.resume(self.redis, await self._find_authorized(shop), shop)

    async def forget(self, shop_id: AnyId, *, timeout: float = 60) -> Forgotten:
        """Have a worker remove all of a shop but its entries in the streams; see `forgetting.forget`."""
        from shopstream.enqueue import forgetting

        shop = identifiers.check("shop", shop_id)
        return await forgetting.forget(self.redis, await self._find_partition(shop), shop, timeout)

    async def export_backup(self, file: BinaryIO) -> Exported:
        """Write what Redis alone has: sealed tokens, shops, settings and pauses. No secret is in clear.

        Raises:
            EmptyRedis: no worker has started on this Redis.
            BackupRefused: the file can't be written.
        """
        from shopstream.backup import exporting

        return await exporting.export_all(self.redis, file)

    async def import_backup(self, file: BinaryIO, *, apps: Iterable[str] = (), dry_run: bool = False) -> Imported:
        """Import a backup beside what is there, and have workers load its shops; see `importing.import_all`.

        Args:
            file: the backup, read several times from its begin.
            apps: keys of the apps whose authorizations are wanted, beside those of the living workers.
            dry_run: write nothing, and count all the same.

        Raises:
            BackupRefused: the backup is damaged, or another deployment's. Nothing was written.
        """
        from shopstream.backup import importing

        return await importing.import_all(self.redis, file, apps=apps, dry_run=dry_run)

    async def list_subscriptions(self, shop_id: AnyId, *, app: str = "", timeout: float = 60) -> Subscriptions:
        """Have a worker list a shop's webhook subscriptions at TikTok, of the app of this name if there are several.

        Raises:
            UnknownShop, ShopParked, SubscriptionsFailed, NoWorker: see `subscribing.give_order`.
        """
        from shopstream.enqueue import subscribing

        order = subscribing.SubscriptionOrder(identifiers.check("shop", shop_id), "list", app=app)
        return await subscribing.give_order(self.redis, await self._find_partition(order.shop_id), order, timeout)

    async def set_subscriptions(self, shop_id: AnyId, url: str, *, app: str = "", timeout: float = 60) -> Subscriptions:
        """Have a worker subscribe a shop to all events that shopstream uses, at `url`. See `Subscriptions.refused`.

        Raises:
            InvalidArgument: the URL is not https on a domain without a port, nor a sandbox's.
            UnknownShop, ShopParked, SubscriptionsFailed, NoWorker: see `subscribing.give_order`.
        """
        from shopstream.enqueue import subscribing

        order = subscribing.SubscriptionOrder(
            identifiers.check("shop", shop_id), "set", subscribing.check_url(url), app
        )
        return await subscribing.give_order(self.redis, await self._find_partition(order.shop_id), order, timeout)

    async def remove_subscriptions(self, shop_id: AnyId, *, app: str = "", timeout: float = 60) -> Subscriptions:
        """Have a worker end a shop's subscriptions to the events that shopstream uses. All others stay.

        Raises:
            UnknownShop, ShopParked, SubscriptionsFailed, NoWorker: see `subscribing.give_order`.
        """
        from shopstream.enqueue import subscribing

        order = subscribing.SubscriptionOrder(identifiers.check("shop", shop_id), "remove", app=app)
        return await subscribing.give_order(self.redis, await self._find_partition(order.shop_id), order, timeout)

    async def delete_group(self, stream: str, group: str) -> ConsumerGroup:
        """Delete a consumer group, and give its last state. What it has not read or acknowledged never reaches it.

        Raises:
            UnknownGroup: the stream has no such group.
            GroupInUse: the group has living members.
        """
        from shopstream.consume.groups import group_list

        return await group_list.delete_group(self.redis, await self._count_partitions(), stream, group)

    async def open_dead_letters(self) -> DeadLetters:
        """Give all that can be done with dead letters; the four methods below are its usual part."""
        from shopstream.dead.letters import DeadLetters

        return DeadLetters(self.redis, await self._count_partitions())

    async def open_group_dead(self, stream: str, group: str) -> GroupDead:
        """Give the events of a stream that a consumer group gave up, to be looked at and dropped."""
        from shopstream.dead.given_up import GroupDead

        return GroupDead(self.redis, await self._count_partitions(), stream, group)

    async def list_dead_letters(
        self, shop_id: AnyId | None = None, error_class: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield the dead letters that are there now, oldest first, of one shop or error class if given.

        Raises:
            InvalidArgument: the shop's id can't be meant.
        """
        async for letter in (await self.open_dead_letters()).all(_read_shop(shop_id), error_class):
            yield letter

    async def show_dead_letter(self, entry_id: str) -> Event:
        """Give one dead letter.

        Raises:
            NoSuchLetter: it isn't there.
        """
        return await (await self.open_dead_letters()).show(entry_id)

    async def requeue_dead_letters(
        self, *entry_ids: str, shop_id: AnyId | None = None, error_class: str | None = None, everything: bool = False
    ) -> Requeued:
        """Ask again for the ids of dead letters, named or matching; see `DeadLetters.requeue`.

        Raises:
            InvalidArgument: an id can't be meant, or no choice is named.
            NoSuchLetter: one of those named isn't there; none was requeued then.
        """
        from shopstream.dead.letters import Which

        which = Which(entry_ids, _read_shop(shop_id), error_class, everything=everything)
        return await (await self.open_dead_letters()).requeue(which)

    async def drop_dead_letters(
        self, *entry_ids: str, shop_id: AnyId | None = None, error_class: str | None = None, everything: bool = False
    ) -> int:
        """Remove dead letters, named or matching, and give their number.

        Raises:
            InvalidArgument: an id can't be meant, or no choice is named.
            NoSuchLetter: one of those named isn't there; none was dropped then.
        """
        from shopstream.dead.letters import Which

        which = Which(entry_ids, _read_shop(shop_id), error_class, everything=everything)
        return await (await self.open_dead_letters()).drop(which)


def _read_shop(shop_id: AnyId | None) -> str | None:
    return None if shop_id is None else identifiers.check("shop", shop_id)
