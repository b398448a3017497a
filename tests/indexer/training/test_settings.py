"""Every field of the settings can be set from text, and no other names."""

import json
from dataclasses import asdict, fields, replace

import pytest

from indexer.training.config import AugmentConfig, JoinConfig, TrainConfig
from indexer.training.settings import setting_names, with_settings
from search.errors import DataError

PLAIN = TrainConfig()


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("steps=200", "steps", 200),
        (" steps = 200 ", "steps", 200),
        ("loss=supcon", "loss", "supcon"),
        ('loss="supcon"', "loss", "supcon"),
        ("name=7", "name", "7"),
        ("name=null", "name", None),
        ("name=a=b", "name", "a=b"),
        ("margin=1", "margin", 1.0),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("compile=true", "compile", True),
        ("labelled=false", "labelled", False),
        ("max_minutes=2.5", "max_minutes", 2.5),
        ("max_minutes=null", "max_minutes", None),
        ("early_stopping=3", "early_stopping", 3),
        ("sampling=random", "sampling", "random"),
        ('held_out=["a", "b*"]', "held_out", ("a", "b*")),
        ("held_out=[]", "held_out", ()),
        ("train_sizes=[[0, 32], [0.5, 48]]", "train_sizes", ((0.0, 32), (0.5, 48))),
        ("augment=null", "augment", None),
        ('augment={"p_flip": 0}', "augment", AugmentConfig(p_flip=0.0)),
        ("augment.p_flip=0.25", "augment", AugmentConfig(p_flip=0.25)),
        ("join={}", "join", JoinConfig()),
        ("join.dim=64", "join", JoinConfig(dim=64)),
        ('network={"kind": "mlp", "size": 8}', "network", {"kind": "mlp", "size": 8}),
        ("network.dim=64", "network", {**PLAIN.network, "dim": 64}),
        ("network.widths=[4, 8]", "network", {**PLAIN.network, "widths": [4, 8]}),
        ("network.name=timm:x", "network", {**PLAIN.network, "name": "timm:x"}),
    ],
)
def test_one_setting(text: str, field: str, value: object) -> None:
    assert with_settings(PLAIN, [text]) == replace(PLAIN, **{field: value})
    found = getattr(with_settings(PLAIN, [text]), field)
    assert type(found) is type(value)


def test_settings_apply_in_order_and_do_not_change_the_original() -> None:
    before = asdict(PLAIN)
    config = with_settings(PLAIN, ["augment=null", "augment.p_gray=0.5", "steps=1", "steps=2", "network.dim=3"])
    assert (config.augment, config.steps, config.network["dim"]) == (AugmentConfig(p_gray=0.5), 2, 3)
    assert asdict(PLAIN) == before
    assert with_settings(PLAIN, []) == PLAIN


def test_every_default_can_be_written_and_read_back() -> None:
    whole = replace(PLAIN, join=JoinConfig())
    plain = json.loads(json.dumps(asdict(whole)))
    texts = [f"{name}={json.dumps(value)}" for name, value in plain.items()]
    for group in ("augment", "join"):
        texts += [f"{group}.{name}={json.dumps(value)}" for name, value in plain[group].items()]
    assert {text.partition("=")[0] for text in texts} == set(setting_names())
    assert with_settings(PLAIN, texts) == whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps", "NAME=VALUE"),
        ("stepz=1", "unknown setting 'stepz'. Use one of .*steps.*augment.p_flip.*network.KEY"),
        ("augment.p_spin=1", "unknown setting 'augment.p_spin'"),
        ("steps.x=1", "unknown setting 'steps.x'"),
        ("network.=1", "unknown setting 'network.'"),
        ("steps=many", "steps=many: steps must be a whole number, as JSON; it is 5000 now"),
        ("steps=2.5", "steps must be a whole number"),
        ("steps=true", "steps must be a whole number"),
        ("steps=null", "steps must be a whole number"),
        ("margin=wide", "margin must be a number"),
        ("compile=1", "compile must be true or false"),
        ("max_minutes=soon", "must be a number or null"),
        ("sampling=pxk", 'must be "p-x-k" or "random" or "random-triplets"'),
        ("held_out=cat", "held_out must be a list, each text"),
        ("train_sizes=[[0.5]]", "a list, each a list of a number and a whole number"),
        ("train_sizes=[0.5, 32]", "train_sizes must be"),
        ("augment=3", "augment must be an object or null"),
        ('augment={"p_spin": 1}', "augment must be an object"),
        ("augment.p_flip=often", "augment.p_flip=often: augment.p_flip must be a number, as JSON; it is 0.5 now"),
        ("network=resnet", "network must be an object"),
    ],
)
def test_invalid_texts(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_settings(PLAIN, [text])


def test_setting_names_are_those_of_the_fields() -> None:
    assert {name for name in setting_names() if "." not in name} == {each.name for each in fields(TrainConfig)}
