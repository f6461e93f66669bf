"""The rules of ``python -m motor.migrate`` as they stand in its code: the directive ``migrate-rules``."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from motor.migrate import RULES, Rule


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("migrate-rules", Rules)
    return {"parallel_read_safe": True}


class Rules(SphinxDirective):
    """Every rule: its code, which is an anchor, its title and its explanation."""

    def run(self) -> list[nodes.Node]:
        return [nodes.definition_list("", *map(self._item, RULES.values()))]

    def _item(self, rule: Rule) -> nodes.definition_list_item:
        term = nodes.term("", "", nodes.strong("", f"{rule.code}: {rule.title}"), ids=[rule.code.lower()])
        return nodes.definition_list_item("", term, nodes.definition("", *self.parse_text_to_nodes(rule.explanation)))
