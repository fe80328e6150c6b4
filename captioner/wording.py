"""A caption without BLIP-large's tics: non-words, and words said again and again."""

# BLIP-large says these of people, animals and things alike, mostly as a caption's first word; none
# is in a dictionary. A plural may be all of a subject: "araffes are standing on a street".
NON_WORDS = frozenset(["araf", "arafe", "arafed", "araffe", "araffed", "araffes", "araffy"])

# What a photograph may show by a name that is one word twice, as a chow chow and a tuk tuk.
SAID_TWICE = frozenset(
    ["aye", "bora", "bye", "cha", "choo", "chow", "dik", "mahi", "pom", "tuk", "yo"]
)

# Where a repetition was cut out, none of these is left at the end: they begin what is gone.
BEGINNINGS = frozenset(
    [",", ";", "&", "and", "or", "a", "an", "the", "of", "on", "in", "at", "to", "by", "with"]
)

# In words, as many as half a caption of the greatest length may have.
LONGEST_PHRASE = 50

PUNCTUATION = ".,;"
ARTICLES = ("a", "an")


def without_tics(caption: str) -> str:
    """The caption with its non-words left out, and what it says in a row said once.

    That is a word anywhere ("a bald bald man") and a phrase at the end ("a hat and a hat and a
    hat"), where BLIP repeats until its length is up. Elsewhere a phrase may be meant ("a new york
    new york sign"), and so may digits be. Only leaves words out, never all, but for an article
    that is made to fit the word that follows now; spaces become single.
    """
    words = _without_non_words(caption.split())
    return " ".join(_without_repeated_end(_without_repeated_words(words)))


def _without_non_words(words: list[str]) -> list[str]:
    kept: list[str] = []
    is_subject_gone = False
    for word in words:
        if _sound(word) in NON_WORDS:
            is_subject_gone = True
        elif not (is_subject_gone and _sound(word) in ("is", "are")):
            is_article = _sound(word) in ARTICLES
            if is_subject_gone and kept and _sound(kept[-1]) in ARTICLES and not is_article:
                kept[-1] = "an" if _sound(word)[0] in "aeiou" else "a"
            kept.append(word)
            is_subject_gone = False
    return kept or words


def _without_repeated_words(words: list[str]) -> list[str]:
    """Keeps the last of a row, as a comma may follow it only there."""
    kept: list[str] = []
    for word in words:
        sound = _sound(word)
        most = 2 if sound in SAID_TWICE else 1
        if not sound.isdecimal() and [_sound(each) for each in kept[-most:]] == [sound] * most:
            kept.pop()
        kept.append(word)
    return kept


def _without_repeated_end(words: list[str]) -> list[str]:
    """Cuts until nothing is repeated. Each cut takes away a third of the words it compared."""
    sounds = [_sound(word) for word in words]
    while (end := _end_of_first(sounds)) < len(sounds):
        del sounds[end:]
        while len(sounds) > 1 and sounds[-1] in BEGINNINGS:
            sounds.pop()
    if len(sounds) == len(words):
        return words
    *before, last = words[: len(sounds)]
    return [*before, last.rstrip(PUNCTUATION) or last]


def _end_of_first(sounds: list[str]) -> int:
    """The number of words up to the end of a phrase's first saying, if the end says it twice.

    If it begins a last time ("a dog chasing a dog chasing a dog"), it is cut off where it began,
    unless nothing new would follow ("a hat and"). All words if no phrase is repeated.
    """
    for length in range(2, LONGEST_PHRASE + 1):
        repeated = _count_repeated(sounds, length)
        if repeated >= length:
            end = len(sounds) - repeated
            return end if sounds[end - 1] in BEGINNINGS else end + repeated % length
    return len(sounds)


def _count_repeated(sounds: list[str], length: int) -> int:
    """The number of words at the end that are those ``length`` words before them."""
    count = 0
    while count + length < len(sounds) and sounds[-1 - count] == sounds[-1 - count - length]:
        count += 1
    return count


def _sound(word: str) -> str:
    """The word without case and punctuation; punctuation alone is its own."""
    return word.strip(PUNCTUATION).casefold() or word
