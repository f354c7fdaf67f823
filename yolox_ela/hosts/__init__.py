"""The other networks of the paper (arXiv 2403.01123) and of ECA-Net, with the same attention.

Nothing here is needed for YOLOX. `sites` says where the papers put attention in each network, and
the other files build the networks.
"""

from yolox_ela.hosts.sites import SITES, sites, under

__all__ = ["SITES", "sites", "under"]
