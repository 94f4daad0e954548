"""Stack traces in texts are read as each language writes them."""

from __future__ import annotations

import pytest

from tocsin.errortracking.stack_text import found_in

PYTHON = """order failed
Traceback (most recent call last):
  File "/srv/app/db.py", line 3, in connect
    raise OSError("refused")
OSError: refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/shop.py", line 10, in <module>
    charge()
  File "/usr/lib/python3.11/site-packages/lib.py", line 5, in wrapped
    return run()
           ^^^^^
shop.errors.ChargeError: no money: 3
"""
JAVA = """java.lang.IllegalStateException: no card
\tat com.shop.Charge.run(Charge.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:833)
Caused by: java.io.IOException: refused
\tat com.shop.Net.open(Net.java:7)
\t... 2 more
"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at charge (/srv/app/cart.js:10:5)
    at async Object.run (file:///srv/app/index.mjs:3:1)
    at node:internal/process/task_queues:95:5
    at /srv/app/node_modules/express/lib/router.js:1:2
"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.charge(0x1, 0x2)
\t/srv/app/main.go:10 +0x1d
example.com/shop/cart.(*Cart).Run(...)
\t/srv/app/cart/cart.go:44
exit status 2
"""
NET = """System.InvalidOperationException: no card
   at Shop.Cart.Charge(Int32 id) in /srv/Shop/Cart.cs:line 12
   at System.Threading.Tasks.Task.Execute()
"""
RUBY = """app/cart.rb:12:in `charge': no card (ArgumentError)
\tfrom app/cart.rb:4:in `run'
\tfrom /usr/lib/ruby/gems/rack.rb:9:in `call'
"""
PHP = """PHP Fatal error:  Uncaught RuntimeException: no card in /srv/cart.php:3
Stack trace:
#0 /srv/index.php(9): Cart->charge()
#1 {main}
"""


@pytest.mark.parametrize(
    ("text", "platform", "kinds", "innermost"),
    [
        (PYTHON, "python", ["OSError", "shop.errors.ChargeError"], ("wrapped", 5, False)),
        (
            JAVA,
            "java",
            ["java.io.IOException", "java.lang.IllegalStateException"],
            ("run", 12, True),
        ),
        (NODE, "node", ["TypeError"], ("charge", 10, True)),
        (GO, "go", ["runtime error"], ("charge", 10, True)),
        (NET, "csharp", ["System.InvalidOperationException"], ("Charge", 12, True)),
        (RUBY, "ruby", ["ArgumentError"], ("charge", 12, True)),
        (PHP, "php", ["RuntimeException"], ("", 3, True)),
    ],
    ids=["Python", "Java", "Node", "Go", ".NET", "Ruby", "PHP"],
)
def test_a_stack_is_read(
    text: str, platform: str, kinds: list[str], innermost: tuple[str, int, bool]
) -> None:
    found = found_in(text)
    assert found is not None
    assert found.platform == platform
    assert [one.kind for one in found.chain] == kinds
    last = found.chain[-1].frames[-1]
    assert (last.function, last.line, last.in_app) == innermost


def test_source_and_messages_are_read_too() -> None:
    found = found_in(PYTHON)
    assert found is not None
    first, last = found.chain
    assert first.frames[0].context == 'raise OSError("refused")'
    assert last.value == "no money: 3"


def test_own_calls_are_told_from_others() -> None:
    found = found_in(NODE)
    assert found is not None
    assert [one.in_app for one in found.chain[0].frames] == [False, False, True, True]


@pytest.mark.parametrize(
    "text",
    ["", "plain", "a\nb\nc", "Traceback (most recent call last):\n  nothing", "goroutine 1\nx"],
)
def test_other_texts_hold_nothing(text: str) -> None:
    assert found_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "goroutine 1\n" + ("(" * 499 + "\n") * 50,
        "   at " + "a." * 100_000 + "\n",
        "Stack trace:\n" + "A" * 200_000 + "\nStack trace:\n#0 x",
    ],
    ids=["brackets", "dots", "letters"],
)
def test_texts_that_are_made_to_be_slow_are_read(text: str) -> None:
    found = found_in(text)
    assert found is None or len(found.chain) < 100


def test_a_stack_of_a_page_is_a_browsers() -> None:
    found = found_in("TypeError: x\n    at f (https://shop.example/a.js:1:2)\n")
    assert found is not None
    assert found.platform == "javascript"
