"""The weekly report: one week of the catalogue's answers as a PDF of one or two pages of A4.

* :mod:`.weeks`: which moments a week of ISO 8601 has in the project's time zone.
* :mod:`.facts`: asks the questions, with the range, the zone and the comparisons of the pages.
* :mod:`.content`, with :mod:`.numbers`, :mod:`.charts` and :mod:`.letters`: what is said, in one
  language, as plain data.
* :mod:`.pdf` and ``report.typ``: typeset by Typst, tagged (PDF/UA-1), the same bytes for the same
  data.
* :mod:`.shelf`: the reports that are kept.

Only questions that add up over users are asked: no hash, id or message can be in a report. The
package typst comes with the extra ``[report]``; only :mod:`.pdf` needs it.
"""
