import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from text import Measure, measure  # noqa: E402


class TextTest(unittest.TestCase):
    def test_a_word_may_have_an_apostrophe_or_a_hyphen(self):
        self.assertEqual(measure("Don't re-read.").words, 2)

    def test_reading_takes_a_second_for_each_four_words_about(self):
        self.assertEqual(measure("One two three four! Five?"), Measure(5, 2, 2))

    def test_nothing_is_nothing(self):
        self.assertEqual(measure(" ...\n"), Measure(0, 0, 0))


if __name__ == "__main__":
    unittest.main()
