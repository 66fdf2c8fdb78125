"""What every section of the settings is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values are checked on assignment."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, frozen=True)


SHORT_TEXT_CHARS = 200
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=SHORT_TEXT_CHARS)]
