import pytest
import torch
from small_models import autoencoder, both_ways, generator_and_critic, made
from torch.testing import assert_close

from visavis.core import Shape
from visavis.export.parts import all_parts, parts_of, smooth
from visavis.models.generator import latents


def test_every_network_gets_its_role_and_names() -> None:
    found = {part.role: (part.inputs, part.outputs) for part in parts_of(generator_and_critic())}
    assert found == {
        "generator": (("z", "label"), ("images",)),
        "critic": (("a", "b", "label"), ("score",)),
    }
    assert [part.role for part in parts_of(autoencoder())] == ["generator", "encoder"]
    assert [part.role for part in parts_of(both_ways())] == ["translator", "translator-back"]


def test_a_generator_is_tried_on_the_first_image_of_each_seed() -> None:
    generator = parts_of(generator_and_critic())[0]
    inputs = generator.examples(4)
    assert_close(inputs["z"][3], latents(3, 0, 1, 8)[0])
    assert inputs["label"].tolist() == [0, 1, 2, 0]
    assert generator.network(*inputs.values()).shape == (4, 1, 8, 8)


def test_a_margin_changes_its_sign_with_the_order_and_a_similarity_does_not() -> None:
    a, b = smooth(2, Shape(1, 8)).split(1)
    critic = parts_of(generator_and_critic())[1]
    label = torch.tensor([1])
    assert critic.about["kind"] == "margin"
    assert_close(critic.network(a, b, label), -critic.network(b, a, label))

    residual = {"kind": "residual", "widths": [8, 8]}
    networks: dict[str, object] = {
        "G": residual | {"z_dim": 8},
        "D": {"kind": "pair", "head": "concat", "branch": residual | {"features": 8}, "hidden": [8]},
    }
    alike = parts_of(made(networks, Shape(1, 8), "generate"))[1]
    assert (alike.about["kind"], alike.inputs) == ("similarity", ("a", "b"))
    assert_close(alike.network(a, b), alike.network(b, a))
    assert not torch.equal(alike.network(a, b), alike.network(a, a))


@pytest.mark.parametrize(
    ("conditioning", "pack", "inputs"),
    [("none", 2, ("images",)), ("classifier", 1, ("images",)), ("projection", 1, ("images", "label"))],
)
def test_a_critic_of_single_images_scores_them_and_compares_nothing(
    conditioning: str, pack: int, inputs: tuple[str, ...]
) -> None:
    residual = {"kind": "residual", "widths": [8, 8]}
    critic = {"kind": "pair", "head": "single", "conditioning": conditioning, "pack": pack}
    networks: dict[str, object] = {
        "G": residual | {"z_dim": 8},
        "D": critic | {"branch": residual | {"features": 8}},
    }
    model = made(networks, Shape(1, 8), "generate", () if pack > 1 else ("zero", "one", "two"))
    assert [part.role for part in parts_of(model)] == ["generator"]
    (_, part) = all_parts(model)
    assert (part.role, part.inputs, part.outputs) == ("critic", inputs, ("score",))
    images, *label = part.examples(3).values()
    score = part.network(images, *label)
    assert score.shape == (3,)
    assert score.std() > 0
    assert_close(score, model.networks["D"](-images, images, *label))  # such a head ignores the first


def test_critics_of_translations_say_how_real_each_patch_is() -> None:
    patch = {"kind": "patch", "width": 4}
    resnet = {"kind": "resnet", "width": 4, "halvings": 1, "blocks": 1, "outer": 3}
    (_, beside) = all_parts(made({"G": resnet, "D": patch}, Shape(3, 8), "translate"))
    assert (beside.role, beside.inputs) == ("critic", ("images", "source"))
    assert beside.network(*beside.examples(2).values()).shape == (2, 2, 2)
    alone = patch | {"sees": "image"}
    networks: dict[str, object] = {"G_ab": resnet, "G_ba": resnet, "D_a": alone, "D_b": alone}
    model = made(networks, Shape(3, 8), "translate")
    assert [part.role for part in all_parts(model)][2:] == ["critic-a", "critic-b"]
    assert [part.network for part in all_parts(model)[2:]] == [model.networks["D_a"], model.networks["D_b"]]
    assert len(parts_of(model)) == 2
