"""What has changed since another report, as a section of the page."""

from magicpak.reports.changes import change_groups, change_summary
from magicpak.reports.document import ReportChanges
from magicpak.reports.html.markup import Markup, element

_MAX_LINES = 500  # of one kind: in a longer list nobody finds anything
_MAX_OPEN = 50


def changes_content(changes: ReportChanges | None) -> list[Markup]:
    """Return what has changed, as lists that can be folded; nothing where there is no other report."""
    if changes is None:
        return []
    content = [element("p", change_summary(changes), class_="legend")]
    for heading, lines in change_groups(changes):
        items = [element("li", element("code", line)) for line in lines[:_MAX_LINES]]
        if len(lines) > _MAX_LINES:
            items.append(element("li", f"and {len(lines) - _MAX_LINES} more, which --report json has"))
        summary = element("summary", f"{heading.capitalize()}: {len(lines)}")
        content.append(element("details", summary, element("ul", *items), open=len(lines) <= _MAX_OPEN))
    return content
