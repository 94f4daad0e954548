"""What can be done about people while nobody can log in?"""

from __future__ import annotations

from tocsin.app.keeping import database_url
from tocsin.app.settings_tree import Config
from tocsin.kit.clock import Clock
from tocsin.state.database import Database
from tocsin.state.users import OneTimePassword, Users


async def reset_password(config: Config, clock: Clock, name: str) -> OneTimePassword:
    """Give a user a one-time password, enable the user and end all the user's sessions.

    Works beside a running Tocsin, which takes notice within seconds. Raises NotFound, or Temporary
    and Permanent when the database cannot be used.
    """
    database = Database(database_url(config))
    await database.open()
    try:
        return await Users(database, clock).reset_password(name)
    finally:
        await database.close()
