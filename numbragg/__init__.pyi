from numbragg import detectors as detectors
from numbragg import response as response

from ._version import __version__
from .background.layers import Background
from .configs.beam import Beam
from .configs.crystal import Crystal
from .configs.detector import Detector
from .configs.orientations import random_rotations
from .configs.panel import Panel
from .configs.sampling import Sampling
from .configs.spectrum import Spectrum
from .configs.structure_factors import StructureFactors
from .notes import NumbraggWarning
from .render.counting import simulate_counts
from .render.scan import scan
from .render.simulation import Simulator, simulate
from .response.response import Response
from .results.assembly import assemble
from .results.digitise import add_noise, integer_image
from .results.files import write_crystfel, write_geometry, write_minicbf, write_nexus, write_smv
from .results.pictures import write_png, write_tiff
from .results.statistics import image_statistics
from .tracing.record import trace

__all__ = ["Background", "Beam", "Crystal", "Detector", "NumbraggWarning", "Panel", "Response", "Sampling", "Simulator",
           "Spectrum", "StructureFactors", "add_noise", "assemble", "image_statistics", "integer_image",
           "random_rotations", "scan", "simulate", "simulate_counts", "trace", "write_crystfel", "write_geometry",
           "write_minicbf", "write_nexus", "write_png", "write_smv", "write_tiff", "__version__"]
