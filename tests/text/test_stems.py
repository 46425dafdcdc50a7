"""Endings are cut alike in titles and in notes."""

from isd_pipeline.text.stems import stemmer


def test_forms_of_a_word_meet_in_one_stem_and_other_words_do_not() -> None:
    english, spanish = stemmer("en"), stemmer("es")
    assert english("fractures") == english("fracture") != english("fraction")
    assert spanish("fracturas") == spanish("fractura")
    assert english("pneumonia") != english("pneumothorax")
