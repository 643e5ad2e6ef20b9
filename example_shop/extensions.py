"""The objects that the shop's modules share; `create_app` binds them to an application."""

from pathlib import Path
from typing import TYPE_CHECKING

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from flask_vtex_seller import VtexSeller


class Base(DeclarativeBase):
    """Names every key and index, so that a migration can speak of them on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
migrate = Migrate(db=db, directory=Path(__file__).parent / "migrations")
seller = VtexSeller(db)

# Flask-SQLAlchemy builds its Model at run time, which a type checker cannot follow.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
