"""``POST /caption``: a picture's words, as JSON."""

from typing import Any

from flask import Blueprint, Response, current_app, request

from captioner.images import InvalidImage
from captioner.wording import without_tics
from generator.request import InvalidRequest
from webapp.dialects import work
from webapp.dialects.answer import Answer, answered
from webapp.dialects.body import Body, checked, picture_of, read_json
from webapp.dialects.description import ANYTHING, FORM, JSON, Description, described
from webapp.dialects.prefix import check_prefix

bp = Blueprint("caption_api", __name__)

NO_PICTURE = "is missing: send a picture, as it is, in a form or in JSON."


class Options(Body):
    """How to caption, as in the page's form."""

    prefix: str = ""
    max_new_tokens: int | None = None
    num_beams: int | None = None


class Captioned(Answer):
    """``is_familiar`` is false if the words are a guess, and null if the captioner cannot tell."""

    caption: str
    is_familiar: bool | None


class Picture(Options):
    """``image`` is in base64."""

    image: str


@bp.before_request
def make_room() -> None:
    """A picture in base64 takes a third more than the picture itself."""
    request.max_content_length = 2 * (current_app.config["MAX_UPLOAD_MB"] << 20)


@bp.post("/caption", strict_slashes=False)
@described(Description(Picture, (ANYTHING, FORM, JSON), answer=Captioned | list[Captioned]))
def caption() -> Response:
    """Captions the picture that is sent; the files of a form, if there are several, as a list."""
    pictures, given = _sent()
    options = checked(Options, given)
    check_prefix("prefix", options.prefix)
    if not all(pictures) or not pictures:
        raise InvalidRequest("image", NO_PICTURE)
    answers = [_answer(pictures, index, options) for index in range(len(pictures))]
    return answered(answers if len(answers) > 1 else answers[0])


def _sent() -> tuple[list[bytes], dict[str, Any]]:
    """The pictures, and how to caption them: beside them, or in the query."""
    query = request.args.to_dict()
    if request.mimetype == FORM:
        files = [file.read() for file in request.files.getlist("image")]
        return files, query | request.form.to_dict()
    data = request.get_data()
    if data.lstrip()[:1] != b"{":
        return [data], query
    sent = read_json(request)
    return [picture_of("image", checked(Picture, sent).image)], query | sent


def _answer(pictures: list[bytes], index: int, options: Options) -> Captioned:
    numbers = options.model_dump(exclude={"prefix"}, exclude_none=True)
    try:
        said = work.caption(pictures[index], options.prefix, **numbers)
    except InvalidImage as error:
        if len(pictures) == 1:
            raise
        raise InvalidImage(f"Picture {index + 1} of {len(pictures)}: {error}") from error
    return Captioned(caption=without_tics(said), is_familiar=said.is_familiar)
