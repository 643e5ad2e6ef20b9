"""The mechanisms behind the promises, how to take each away, and the test that must miss it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "flask_vtex_seller"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One mechanism taken away."""

    what: str
    file: str
    """Below the package."""
    old: str
    """Occurs once."""
    new: str
    test: str
    """Below the tests; it must fail."""


DRAIN, LIMITS, BACKOFF = "outbox/test_drain.py::", "outbox/test_limits.py::", "outbox/test_backoff.py::"
CLIENT, CHAOS = "marketplace/test_client.py::", "chaos/"
RECONCILE = "catalog/test_reconcile.py::"
STORM, LIFE = "chaos/test_placement_storm.py::", "chaos/test_order_life.py::"
SABOTAGES = (
    Sabotage(
        "a lease is not checked when an attempt is settled",
        "outbox/ledger.py",
        '(table.c.leased_until == bindparam("until"))',
        '(bindparam("until") > 0)',
        "outbox/test_ledger.py::test_a_lease_that_somebody_else_took_over_settles_and_hands_back_nothing",
    ),
    Sabotage(
        "a late answer is not written down",
        "outbox/settling.py",
        "ledger.note_late(message)",
        "pass",
        f"{DRAIN}test_a_lost_lease_is_not_settled",
    ),
    Sabotage(
        "a message does not wait for those before it in its lane",
        "outbox/ledger.py",
        "            ~_blocked(table, row),\n",
        "",
        f"{DRAIN}test_a_waiting_head_holds_its_own_lane_only",
    ),
    Sabotage(
        "a dead message does not hold its lane",
        "outbox/ledger.py",
        "or_(ahead.c.state.in_([MessageState.PENDING.value, MessageState.HELD.value]), dead),",
        "ahead.c.state.in_([MessageState.PENDING.value, MessageState.HELD.value]),",
        f"{DRAIN}test_a_dead_head_of_an_order_holds_its_lane_until_somebody_has_looked_at_it",
    ),
    Sabotage(
        "a lease is not counted as an attempt",
        "outbox/ledger.py",
        '"leased_until": None, "attempts": columns.attempts - 1}',
        '"leased_until": None}',
        f"{DRAIN}test_a_stop_hands_back_what_was_not_begun_and_counts_no_attempt",
    ),
    Sabotage(
        "an attempt is not counted before its call",
        "outbox/ledger.py",
        "attempts=table.c.attempts + 1)",
        "attempts=table.c.attempts)",
        f"{DRAIN}test_the_attempt_is_counted_and_committed_before_the_call",
    ),
    Sabotage(
        "a message whose attempt never ended is sent in company",
        "outbox/taking.py",
        "return message.attempts - 1 > sum(try_.at >= message.tried_since for try_ in message.tries)",
        "return False",
        f"{DRAIN}test_a_message_that_kills_every_worker_takes_no_other_with_it",
    ),
    Sabotage(
        "tries of before somebody had a message sent again count as tries of after it",
        "outbox/taking.py",
        "sum(try_.at >= message.tried_since for try_ in message.tries)",
        "len(message.tries)",
        f"{DRAIN}test_what_is_sent_again_after_many_tries_takes_no_other_with_it_either",
    ),
    Sabotage(
        "all dead messages are sent again in one transaction",
        "cli/outbox.py",
        "_BATCH = 200",
        "_BATCH = 10**9",
        f"{CHAOS}test_dead_letters.py::test_all_dead_letters_are_sent_again_once_and_in_order_though_the_command_is_killed",
    ),
    Sabotage(
        "dead messages are sent again in the order in which they are found",
        "cli/outbox.py",
        "return sorted({message.id for message in _dead(**_chosen(**filters))} if all_ else set(message_ids))",
        "return [message.id for message in _dead(**_chosen(**filters))] if all_ else sorted(set(message_ids))",
        "test_cli_outbox.py::test_all_dead_messages_are_sent_again_the_oldest_first",
    ),
    Sabotage(
        "dead messages that are sent again are all due at once",
        "outbox/ledger.py",
        "if ids and apart:",
        "if ids and not apart:",
        "test_cli_outbox.py::test_many_that_are_sent_again_leave_room_for_what_is_new",
    ),
    Sabotage(
        "who discarded a message is not kept",
        "cli/outbox.py",
        'MessageState.DISCARDED, f"{by}: {reason}"',
        "MessageState.DISCARDED, reason",
        "test_cli_outbox.py::test_a_discarded_message_is_kept_with_who_and_why_and_its_lane_goes_on",
    ),
    Sabotage(
        "a call begins however old its lease is",
        "outbox/drain.py",
        "if self.over(taken) or not self._holds(taken):",
        "if self.over(taken):",
        f"{DRAIN}test_a_call_begins_only_while_the_lease_surely_holds",
    ),
    Sabotage(
        "what was taken and not begun is not handed back",
        "outbox/drain.py",
        "        self._hand_back([taken for taken, attempt in landed if attempt is None])\n",
        "",
        f"{CHAOS}test_graceful_stop.py",
    ),
    Sabotage(
        "saying something commits",
        "outbox/ledger.py",
        "            self._session.execute(insert(self._table), rows)\n",
        "            self._session.execute(insert(self._table), rows)\n            self._session.commit()\n",
        f"{DRAIN}test_what_is_rolled_back_is_never_sent",
    ),
    Sabotage(
        "calls are repeated below the outbox",
        "marketplace/deadline.py",
        "max_retries=0)",
        'max_retries=__import__("urllib3").Retry(2, allowed_methods=None))',
        f"{CLIENT}test_an_answer_that_breaks_off_is_an_attempt_to_be_repeated",
    ),
    Sabotage(
        "redirects are followed",
        "marketplace/client.py",
        "    def resolve_redirects(self, *_: Any, **__: Any)",
        '    send = lambda self, *a, **k: requests.Session.send(self, *a, **{**k, "allow_redirects": True})\n\n'
        "    def resolve_none(self, *_: Any, **__: Any)",
        f"{CLIENT}test_a_redirect_is_not_followed",
    ),
    Sabotage(
        "the deadline of a call does not reach its socket",
        "marketplace/deadline.py",
        "class TimedSocket(socket.socket):\n        def recv_into(self, *args: Any, **kwargs: Any) -> int:\n"
        "            self.settimeout(remaining())\n",
        "class TimedSocket(socket.socket):\n        def recv_into(self, *args: Any, **kwargs: Any) -> int:\n",
        f"{CLIENT}test_an_answer_that_trickles_does_not_hold_the_worker_for_ever",
    ),
    Sabotage(
        "an answer is read to its end, however long it is",
        "marketplace/client.py",
        "while len(received) < _BODY_BYTES:",
        "while True:",
        f"{CHAOS}test_network.py::test_every_fault_of_the_network_is_an_attempt_with_the_right_end",
    ),
    Sabotage(
        "a refused connection counts as a call that may have been carried out",
        "marketplace/outcome.py",
        "certainty = Certainty.NOT_SENT if _is_unsent(error) else Certainty.UNKNOWN",
        "certainty = Certainty.UNKNOWN",
        f"{CHAOS}test_network.py::test_a_call_for_which_no_connection_came_about_was_not_sent",
    ),
    Sabotage(
        "a breaker never opens",
        "outbox/limits.py",
        "case((failures >= BREAKS_AFTER, rest), else_=columns.next_at)",
        "columns.next_at",
        f"{LIMITS}test_a_host_that_fails_again_and_again_is_left_alone",
    ),
    Sabotage(
        "a broken host is tried by every worker",
        "outbox/taking.py",
        "if gate is None or (gate.next_at <= now and not gate.is_broken):",
        "if gate is None or gate.next_at <= now:",
        f"{CHAOS}test_retries.py::test_an_outage_is_not_amplified_and_is_over_when_it_is_over",
    ),
    Sabotage(
        "each worker has a rate of its own",
        "outbox/limits.py",
        'set_={"next_at": first + wanted * step},',
        'set_={"next_at": moment + wanted * step},',
        f"{LIMITS}test_moments_are_as_far_apart_as_the_rate_says",
    ),
    Sabotage(
        "moments that a rate gave are lost when a run ends",
        "outbox/drain.py",
        "promised = taken is not None and taken.not_before is not None",
        "promised = False",
        f"{LIMITS}test_moments_that_a_rate_gave_are_used_though_the_run_is_over",
    ),
    Sabotage(
        "a run ends when its rate is spent for the moment",
        "outbox/drain.py",
        "elif patient and held and not self.over():",
        "elif patient is None:",
        f"{LIMITS}test_a_run_with_an_end_waits_for_its_rate",
    ),
    Sabotage(
        "a backlog waits for the next tick",
        "runners/scheduler.py",
        "more = job(current_state(), stop) and is_running()",
        "more = job(current_state(), stop) is None",
        "runners/test_scheduler.py::test_what_is_left_is_gone_on_with_at_once_and_not_at_the_next_tick",
    ),
    Sabotage(
        "repeats have no budget",
        "outbox/taking.py",
        "            _deal(gates, marketplace, REPEATS, paid, REPEATS_PER_SECOND, now, ahead, moments)\n",
        "",
        f"{LIMITS}test_repeats_are_a_share_of_what_is_sent",
    ),
    Sabotage(
        "Retry-After is ignored",
        "outbox/backoff.py",
        "min(wish or timedelta(0), last - now)",
        "timedelta(0)",
        f"{BACKOFF}test_a_retry_is_never_before_the_wish_and_never_a_cap_after_it",
    ),
    Sabotage(
        "what failed together comes back together",
        "outbox/backoff.py",
        "ceiling * rng.random()",
        "ceiling",
        f"{CHAOS}test_retries.py::test_repeats_of_what_failed_together_are_spread_over_the_whole_window",
    ),
    Sabotage(
        "nothing is ever given up",
        "outbox/backoff.py",
        "if attempts >= MAX_ATTEMPTS or now >= last:",
        "if now >= last:",
        f"{BACKOFF}test_the_fifteenth_failure_is_the_last",
    ),
    Sabotage(
        "every scheduler acts, leader or not",
        "runners/scheduler.py",
        "(not elect or leadership.hold())",
        "leadership is not None",
        f"{CHAOS}test_election.py",
    ),
    Sabotage(
        "trouble with the database ends a job",
        "runners/scheduler.py",
        "except DBAPIError as error:\n                # The next tick",
        "except ZeroDivisionError as error:\n                # The next tick",
        "runners/test_scheduler.py::test_trouble_with_the_database_does_not_end_the_scheduler",
    ),
    Sabotage(
        "a database that takes no writes is an error like any other",
        "database.py",
        "return code & 0xFF in _SQLITE_TRANSIENT",
        "return False",
        f"{CHAOS}test_database_trouble.py::test_an_order_that_cannot_be_written_is_answered_503_and_taken_afterwards",
    ),
    Sabotage(
        "the marketplace's id of an order is not unique",
        "orders/ledger.py",
        'PrimaryKeyConstraint("marketplace", "marketplace_order_id", name=',
        'PrimaryKeyConstraint("marketplace", "marketplace_order_id", "created_at", name=',
        f"{STORM}test_the_same_placement_through_several_processes_at_once_makes_one_order",
    ),
    Sabotage(
        "other content under a taken id is the same order",
        "orders/placing.py",
        "if entry.fingerprint not in (fingerprint, REMOVED):",
        "if not entry.fingerprint:",
        f"{STORM}test_two_contents_under_one_id_at_once_make_one_order_and_leave_it_unchanged",
    ),
    Sabotage(
        "an order is claimed though it has changed since it was read",
        "orders/statements.py",
        'columns.version == bindparam("was_version")',
        'columns.version >= bindparam("was_version")',
        f"{CHAOS}test_order_races.py::test_authorizations_at_once_release_once",
    ),
    Sabotage(
        "an invoice is said whatever has become of the order meanwhile",
        "orders/ledger.py",
        "self._updating(key, from_, unsaid, *conditions, values=self._row(values))",
        "self._updating(key, values=self._row(values))",
        f"{CHAOS}test_crossing_calls.py",
    ),
    Sabotage(
        "a claim that was lost is settled all the same",
        "orders/statements.py",
        'ours = table.c.claimed_until == bindparam("until")',
        'ours = table.c.version < bindparam("until")',
        "orders/test_authorization.py::test_a_hook_that_rolls_the_transaction_back_releases_nothing",
    ),
    Sabotage(
        "an order is told with invoices that its cancellation has unsaid",
        "orders/claim.py",
        "            elif not settled(values):",
        "            elif not settled(values) or stored:",
        "orders/test_held_invoices.py::test_whoever_hears_of_the_confirmed_cancellation_hears_of_no_invoice",
    ),
    Sabotage(
        "what a hook did before it failed is kept",
        "database.py",
        "        except BaseException as error:\n            session.rollback()\n",
        "        except BaseException as error:\n            session.commit()\n",
        f"{CHAOS}test_failing_hooks.py::test_a_hook_that_raises_leaves_nothing_and_the_repeat_succeeds",
    ),
    Sabotage(
        "a hook that has run is called again by a silent retry",
        "database.py",
        "if attempt.hook_ran or not retries:",
        "if not retries:",
        "orders/test_placement.py::TestDatabaseTrouble::test_database_trouble_inside_the_hook_is_503_and_the_hook_is_not_called_again",
    ),
    Sabotage(
        "a repeated cancellation is decided anew",
        "orders/inbound.py",
        "if order.state is OrderState.CANCELED or (refused and same_wish):",
        "if order.state is OrderState.CANCELED:",
        "orders/test_cancellation.py::test_a_refused_cancellation_is_answered_empty_and_stays_refused",
    ),
    Sabotage(
        "a confirmed cancellation leaves its held invoices where they are",
        "orders/lane.py",
        "            return self.withdraw(order)\n        if",
        "            return False\n        if",
        "orders/test_held_invoices.py::test_confirmed_by_the_hook_it_is_discarded_and_was_never_said",
    ),
    Sabotage(
        "an invoice is sent though a cancellation is under evaluation",
        "orders/outbound.py",
        "self._say_invoice(order, invoice, SALE, held=held)",
        "self._say_invoice(order, invoice, SALE)",
        f"{LIFE}test_whatever_happens_to_an_order_it_is_what_the_model_says",
    ),
    Sabotage(
        "an authorized order is authorized anew",
        "orders/inbound.py",
        "if order.authorized_at is not None and order.state is not OrderState.CANCELED:",
        "if order.receipt is None and order.authorized_at is not None:",
        "orders/test_authorization.py::test_a_repeat_gets_the_same_answer_without_the_hook",
    ),
    Sabotage(
        "notices that wait together are a call each",
        "outbox/taking.py",
        "            ledger.merge(messages, now=now)\n",
        "",
        f"{DRAIN}test_pending_notices_of_a_sku_and_kind_become_one_call",
    ),
    Sabotage(
        "an equal value is a change",
        "catalog/watch_flush.py",
        "compare[name](now[name], before) is not True:",
        "compare[name]:",
        "catalog/test_watch.py::test_an_equal_value_is_no_change",
    ),
    Sabotage(
        "what a flush changes is left to the sweep",
        "catalog/watch.py",
        "            self._tell(session, notices)\n",
        "            pass\n",
        "catalog/test_watch.py::test_a_changed_price_is_a_price_notice",
    ),
    Sabotage(
        "what a statement changes is left to the sweep",
        "catalog/watch.py",
        "            self._tell(state.session, notices)\n",
        "            pass\n",
        "catalog/test_watch_statements.py::test_an_update_tells_of_the_rows_that_it_changed",
    ),
    Sabotage(
        "the sweep does not look at stock",
        "catalog/differences.py",
        "if offered.stock != stock:",
        "if offered.stock is None:",
        f"{RECONCILE}test_a_difference_is_said_once_by_its_own_notice",
    ),
    Sabotage(
        "what a notice told is not kept when it is settled",
        "catalog/handlers.py",
        "        told.write(CHANGE, {key: seen[key] for key in known}, now=now)\n",
        "",
        f"{RECONCILE}test_what_is_told_and_unchanged_is_not_said_again",
    ),
    Sabotage(
        "a confirmed presence does not count as told",
        "catalog/handlers.py",
        "        ToldLedger(connection, self._sku_table).write(CHANGE, {key: seen[key] for key in known}, now=now)\n",
        "",
        f"{RECONCILE}test_a_sku_whose_presence_was_confirmed_was_told_what_held_then",
    ),
    Sabotage(
        "what a marketplace without the SKU was told counts",
        "catalog/told.py",
        "case((known, value), else_=None)",
        "value",
        f"{RECONCILE}test_what_a_marketplace_was_told_before_it_had_the_sku_does_not_count",
    ),
    Sabotage(
        "a notice that failed leaves what was told before it",
        "catalog/told.py",
        "            self._connection.execute(_forget_statement(self._table, kind), rows)\n",
        "            pass\n",
        f"{RECONCILE}test_after_a_notice_that_may_have_arrived_the_same_as_before_is_said_again",
    ),
)


def copy(folder: Path) -> None:
    """Copy what the tests need."""
    without = shutil.ignore_patterns("__pycache__", ".*cache", "*.sqlite*")
    for name in (PACKAGE, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)


def carry_out(sabotage: Sabotage, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the test that must miss the mechanism, in a copy without it; the copy is whole again afterwards."""
    file = folder / PACKAGE / sabotage.file
    whole = file.read_text(encoding="utf-8")
    assert whole.count(sabotage.old) == 1, f"{sabotage.file} has changed: {sabotage.what}"
    file.write_text(whole.replace(sabotage.old, sabotage.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
    try:
        return subprocess.run(
            [*command, f"tests/{sabotage.test}"], cwd=folder, capture_output=True, text=True, check=False, timeout=600
        )
    finally:
        file.write_text(whole, encoding="utf-8")
