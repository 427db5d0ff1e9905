"""Leave-one-out in time order; users held back."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError

from benchmark.data.preparing.parameters import SplitParams
from benchmark.data.preparing.split import split
from benchmark.errors import BenchError, UsageError


def log(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=["user_id", "item_id", "timestamp"], orient="row")


def log_of_domains(**users: str) -> pl.DataFrame:
    """Each user's domains in time order, a letter an interaction."""
    rows = [
        (user, f"{domain}{time}", time, domain)
        for user, domains in users.items()
        for time, domain in enumerate(domains)
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "domain"], orient="row")


def test_last_is_test_and_second_to_last_is_validation() -> None:
    rows, _ = split(
        log(("u", "c", 3), ("v", "x", 1), ("u", "a", 1), ("v", "y", 2), ("u", "d", 9),
            ("v", "z", 3), ("u", "b", 2)),
        SplitParams(),
    )  # fmt: skip
    assert list(rows.select("user_id", "item_id", "part").iter_rows()) == [
        ("u", "a", "train"),
        ("u", "b", "train"),
        ("u", "c", "valid"),
        ("u", "d", "test"),
        ("v", "x", "train"),
        ("v", "y", "valid"),
        ("v", "z", "test"),
    ]


def test_ties_keep_file_order() -> None:
    items = ["m", "z", "a", "k", "b", "y"]
    rows, _ = split(log(*(("u", item, 5) for item in items)), SplitParams())
    assert rows["item_id"].to_list() == items


def test_users_with_too_few_interactions_are_left_out_and_counted() -> None:
    rows, notes = split(
        log(*(("u", f"{i}", i) for i in range(3)), ("v", "0", 0), ("v", "1", 1)), SplitParams()
    )
    assert rows["user_id"].unique().to_list() == ["u"]
    assert list(notes.values()) == [{"users": 1, "interactions": 2}]


def test_nobody_left_is_an_error() -> None:
    with pytest.raises(BenchError, match="No user has 3 interactions"):
        split(log(("u", "a", 1), ("u", "b", 2)), SplitParams())


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.29, 29), (0.1, 10), (0.009, 0)])
def test_the_share_of_new_users_is_exact_and_rounded_down(share, expected) -> None:
    rows = log(*((f"u{u}", f"{i}", i) for u in range(100) for i in range(3)))
    held = split(rows, SplitParams(new_users=share))[0].filter(pl.col("cohort") == "new-user")
    assert held["user_id"].n_unique() == expected


def test_who_is_held_back_does_not_depend_on_row_order() -> None:
    rows = log(*((f"u{u}", f"{i}", i) for u in range(50) for i in range(3)))
    params = SplitParams(new_users=0.2)
    chosen = [
        set(split(frame, params)[0].filter(pl.col("cohort") == "new-user")["user_id"])
        for frame in (rows, rows.reverse())
    ]
    assert chosen[0] == chosen[1]
    assert chosen[0] != set(
        split(rows, SplitParams(new_users=0.2, seed=1))[0]
        .filter(pl.col("cohort") == "new-user")["user_id"]
    )  # fmt: skip


def test_who_uses_new_domains_only_is_evaluated_and_never_trained_on() -> None:
    rows = log_of_domains(a="xxxy", b="zzzz", c="zwzw", d="xxxx")
    split_rows, notes = split(rows, SplitParams(new_domains="z, w"))
    cohorts = dict(split_rows.select("user_id", "cohort").unique().iter_rows())
    assert cohorts == {"a": "seen", "b": "new-domain", "c": "new-domain", "d": "seen"}
    assert notes == {}


def test_rows_in_a_new_domain_by_users_of_others_are_left_out_and_counted() -> None:
    rows = log_of_domains(a="xzxxz", b="zzzz", c="zzxz")
    split_rows, notes = split(rows, SplitParams(new_domains=("z",)))
    assert split_rows.filter(pl.col("user_id") == "a")["item_id"].to_list() == ["x0", "x2", "x3"]
    assert set(split_rows["user_id"]) == {"a", "b"}
    assert notes == {
        "interactions left out: a new domain, by a user of others": 5,
        "users left out: fewer than 3 interactions": {"users": 1, "interactions": 1},
    }


def test_new_users_come_from_the_trained_domains() -> None:
    rows = log_of_domains(
        **{f"a{u}": "xxx" for u in range(10)}, **{f"b{u}": "zzz" for u in range(10)}
    )
    held = split(rows, SplitParams(new_domains="z", new_users=0.5))[0]
    assert held.filter(pl.col("cohort") == "new-user")["domain"].to_list() == ["x"] * 15
    assert held.filter(pl.col("cohort") == "new-domain")["user_id"].n_unique() == 10


def test_a_domain_that_is_named_twice_is_the_same_parameter() -> None:
    once = SplitParams(new_domains="z, w")
    assert SplitParams(new_domains="z,w, z") == once
    assert SplitParams(new_domains=["z", "w", "z"]) == once
    with pytest.raises(ValidationError, match="valid string"):
        SplitParams(new_domains=[["z"]])


@pytest.mark.parametrize("users", [{"a": "zzz", "b": "zwz"}, {"a": "zzz", "b": "xx"}])
def test_new_domains_that_leave_nobody_to_train_on_are_refused(users) -> None:
    with pytest.raises(BenchError, match=r"Nobody is left to train on.*\(w.*z\)\.\nName fewer"):
        split(log_of_domains(**users, c="w"), SplitParams(new_domains=("w", "z")))


def test_an_unknown_new_domain_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"new_domains 'musik'[\s\S]*'music'"):
        split(
            log_of_domains(a="xxx").with_columns(domain=pl.lit("music")),
            SplitParams(new_domains="musik"),
        )
