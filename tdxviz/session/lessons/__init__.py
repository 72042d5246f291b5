"""Lessons: data in ``lessons/NN-slug/lesson.md``, read strictly, played on a session."""
