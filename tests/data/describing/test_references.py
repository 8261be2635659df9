"""The project's references: entries are complete, citations have an entry, and errors show the way out."""

import re

import pytest

from data.describing.networks import PAPERS, papers
from data.describing.references import FILE, PACKAGES, bibliography, entries, resolve


def test_every_entry_is_whole_and_named_after_its_year():
    for key, entry in bibliography().items():
        assert entry.count("{") == entry.count("}")
        assert {"author", "title", "year"} <= set(re.findall(r"^  (\w+)=", entry, re.MULTILINE))
        assert key.endswith(re.search(r"year=\{(\d+)\}", entry)[1])
    assert len(bibliography()) == FILE.read_text().count("\n@") + 1


def test_packages_and_networks_are_cited_by_entries_that_are_there():
    cited = [key for _, key in PACKAGES.values() if key] + list(PAPERS.values())
    assert set(cited) <= set(bibliography())


@pytest.mark.parametrize(
    ("network", "key"),
    [
        ("resnet50.tv_in1k", "he2016"),
        ("tf_efficientnetv2_s", "tan2021"),
        ("tf_efficientnet_lite0", "tan2019"),
        ("convnext_tiny", "liu2022"),
        ("vit_small_patch16_224", None),
    ],
)
def test_a_network_is_cited_by_the_paper_of_its_family(network, key):
    assert papers(network) == ((key,) if key else ())


def test_an_entry_that_a_plug_in_brings_is_kept_without_its_margin():
    own = """
        @article{doe-2020:a,
          author={Doe, Jo},
          year={2020}
        }
        """
    assert resolve(own) == ("doe-2020:a", "@article{doe-2020:a,\n  author={Doe, Jo},\n  year={2020}\n}")
    assert entries(own + own.replace("doe-2020:a", "roe2021")).keys() == {"doe-2020:a", "roe2021"}


@pytest.mark.parametrize(
    ("cited", "message"),
    [
        ("kingma2016", "cites 'kingma2016', which is no key of references.bib: did you mean 'kingma201"),
        ("10.1000/xyz", "give the whole BibTeX entry"),
        ("@article{a, year={2020}} \n@article{b, year={2020}}", "must be one BibTeX entry"),
        ("@article{a, year={2020}", "must be one BibTeX entry"),
        (
            "@article{he2016, title={Another}, year={2016}}",
            "cites its own 'he2016', which differs from that of references.bib",
        ),
    ],
)
def test_a_citation_that_is_neither_a_key_nor_an_entry_is_refused(cited, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve(cited)
