"""BibTeX of the statistics; plug-ins bring their own entries (`plugins.json`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_ENTRIES = r"""
@article{benavoli2017,
  author={Benavoli, Alessio and Corani, Giorgio and Dem{\v{s}}ar, Janez and Zaffalon, Marco},
  title={Time for a change: a tutorial for comparing multiple classifiers through {B}ayesian analysis},
  journal={Journal of Machine Learning Research},
  volume={18},
  pages={1--36},
  year={2017},
  eprint={1606.04316},
  archivePrefix={arXiv}
}

@article{durkalski2003,
  author={Durkalski, Valerie L. and Palesch, Yuko Y. and Lipsitz, Stuart R. and Rust, Philip F.},
  title={Analysis of clustered matched-pair data},
  journal={Statistics in Medicine},
  volume={22},
  number={15},
  pages={2417--2428},
  year={2003},
  doi={10.1002/sim.1438}
}

@article{clopper1934,
  author={Clopper, C. J. and Pearson, E. S.},
  title={The use of confidence or fiducial limits illustrated in the case of the binomial},
  journal={Biometrika},
  volume={26},
  number={4},
  pages={404--413},
  year={1934},
  doi={10.1093/biomet/26.4.404}
}

@article{field2007,
  author={Field, Christopher A. and Welsh, Alan H.},
  title={Bootstrapping clustered data},
  journal={Journal of the Royal Statistical Society: Series B},
  volume={69},
  number={3},
  pages={369--390},
  year={2007},
  doi={10.1111/j.1467-9868.2007.00593.x}
}

@article{jiang2008,
  author={Jiang, Wenyu and Varma, Sudhir and Simon, Richard},
  title={Calculating Confidence Intervals for Prediction Error in Microarray Classification Using Resampling},
  journal={Statistical Applications in Genetics and Molecular Biology},
  volume={7},
  number={1},
  year={2008},
  doi={10.2202/1544-6115.1322}
}

@article{nadeau2003,
  author={Nadeau, Claude and Bengio, Yoshua},
  title={Inference for the Generalization Error},
  journal={Machine Learning},
  volume={52},
  pages={239--281},
  year={2003},
  doi={10.1023/A:1024068626366}
}

@article{obuchowski1997,
  author={Obuchowski, Nancy A.},
  title={Nonparametric Analysis of Clustered {ROC} Curve Data},
  journal={Biometrics},
  volume={53},
  number={2},
  pages={567--578},
  year={1997},
  doi={10.2307/2533958}
}

@article{phipson2010,
  author={Phipson, Belinda and Smyth, Gordon K.},
  title={Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly Drawn},
  journal={Statistical Applications in Genetics and Molecular Biology},
  volume={9},
  number={1},
  year={2010},
  doi={10.2202/1544-6115.1585}
}

@incollection{platt1999,
  author={Platt, John C.},
  title={Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods},
  booktitle={Advances in Large Margin Classifiers},
  publisher={MIT Press},
  pages={61--74},
  year={1999}
}

@article{romano2005,
  author={Romano, Joseph P. and Wolf, Michael},
  title={Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing},
  journal={Journal of the American Statistical Association},
  volume={100},
  year={2005},
  doi={10.1198/016214504000000539}
}

@article{schuirmann1987,
  author={Schuirmann, Donald J.},
  title={A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability},
  journal={Journal of Pharmacokinetics and Biopharmaceutics},
  volume={15},
  pages={657--680},
  year={1987},
  doi={10.1007/BF01068419}
}

@article{tsamardinos2018,
  author={Tsamardinos, Ioannis and Greasidou, Elissavet and Borboudakis, Giorgos},
  title={Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation},
  journal={Machine Learning},
  volume={107},
  year={2018},
  doi={10.1007/s10994-018-5714-4}
}
"""  # noqa: E501

STATISTICS: dict[str, str] = {
    entry.partition("{")[2].partition(",")[0]: entry for entry in re.split(r"\n\n", _ENTRIES.strip())
}
"""Each entry by its key: the first author and the year."""


def bibtex(keys: Iterable[str], more: Mapping[str, str]) -> str:
    """The entries of some keys, each once, in alphabetical order.

    Args:
        keys: In any order, perhaps with repeats.
        more: Entries by key besides those of the statistics.

    Raises:
        KeyError: There is no such entry.
    """
    known = {**more, **STATISTICS}
    return "\n\n".join(known[key] for key in sorted(set(keys)))
