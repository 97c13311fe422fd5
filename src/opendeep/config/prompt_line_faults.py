"""What a callee hears while the voice AI is away, and what the AI is told of it afterwards.

Owns the words. They are spoken beforehand (`scripts/make_line_sentences.py`), because nobody can speak them at that
moment; a test holds words and sound together. Languages by their ISO 639-1 code.
"""

from typing import Final

ONE_MOMENT: Final = {
    "en": "One moment please, I am having a small problem with my line.",
    "de": "Einen Moment bitte, ich habe ein kleines Problem mit meiner Leitung.",
    "fr": "Un instant, s'il vous plaît, j'ai un petit problème avec ma ligne.",
    "es": "Un momento, por favor, tengo un pequeño problema con mi línea.",
    "it": "Un momento, per favore, ho un piccolo problema con la mia linea.",
    "nl": "Een ogenblik alstublieft, ik heb een klein probleem met mijn lijn.",
}
LINE_IS_LOST: Final = {
    "en": "I am sorry, my line is not working. Goodbye.",
    "de": "Es tut mir leid, meine Leitung funktioniert nicht. Auf Wiederhören.",
    "fr": "Je suis désolée, ma ligne ne fonctionne pas. Au revoir.",
    "es": "Lo siento, mi línea no funciona. Adiós.",
    "it": "Mi dispiace, la mia linea non funziona. Arrivederci.",
    "nl": "Het spijt me, mijn lijn werkt niet. Tot ziens.",
}


def spoken_language(language: str) -> str | None:
    """The language of the sentences for a task's `language` (`de`, `de-AT`), or None: a soft tone is heard instead."""
    code = language.partition("-")[0].lower()
    return code if code in ONE_MOMENT else None


def line_broke_note(language: str) -> str:
    """For a new session in the middle of a call."""
    code = spoken_language(language)
    heard = f"a recorded voice say: “{ONE_MOMENT[code]}”" if code else "a short tone."
    return (
        f"The connection to you broke for a moment and the other side heard {heard} The conversation so far is above. "
        "Apologise in a few words and go on where it stopped. Do not start again from the hello."
    )
