"""What a command line asks for: a draft of the request, names of files, how to compute and what to print."""

from dataclasses import dataclass, field

from ..scene.frozen import Settable
from ..scene.request import Draft

__all__ = ["CommandLine", "Files", "Outputs", "assign"]


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class Files(Settable):
    """Names of the files to read, or None where not given."""

    hkl: str | None = None
    dump: str = "Fdump.bin"  # written with an hkl file, read without one
    matrix: str | None = None
    mask: str | None = None
    image: str | None = None
    sources: str | None = None
    stol: str | None = None
    spectrum: str | None = None
    response: str | None = None


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class Outputs(Settable):
    """Names of the files to write, and whether the optional ones are wanted."""

    floatfile: str = "floatimage.bin"
    intfile: str = "intimage.img"
    pgmfile: str = "image.pgm"
    noisefile: str = "noiseimage.img"
    write_pgm: bool = True
    calculate_noise: bool = True
    tiff: str | None = None
    tiff_type: str | None = None
    npy: str | None = None
    png: str | None = None
    png_rings: tuple | None = None
    stats_json: str | None = None
    nexus: str | None = None
    crystfel: str | None = None
    panel_layout: str | None = None
    cbf: str | None = None
    smv_readable: str | None = None
    counts: str | None = None
    geom: str | None = None
    expt: str | None = None
    xds_inp: str | None = None


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class CommandLine(Settable):
    """What a command line asks for.

    Attributes
    ----------
    draft : Draft
        The scene; what stands in files is entered by `numbragg.command_line.inputs`.
    files, outputs : Files, Outputs
        Names of files.
    uses : tuple of numbragg.command_line.effects.Use
        The options as given, in order.
    default_f : float
        Structure factor where there is none [electrons].
    hkl_columns, intensities, space_group : str or None
        How the file of `-hkl` is read.
    scale, pgm_scale : float
        Scales of the integer image and of the PGM; not positive: automatic.
    adc_offset : float
        Offset of the integer and noise images.
    seed : int or None
        Seed of the noise as given; None: from the clock.
    progress : bool or None
        Whether to show a progress meter; None: nothing was said.
    spectrum_axis : str or None
        What the first column of a spectrum is; None: what its file tells.
    spectrum_density : bool
        Whether its second column is a density.
    spectrum_samples : int or None
        To how many wavelengths it is merged.
    spectrum_seed : int or None
        Seed of a random one.
    detector : str or None
        Name or file of a detector of panels, in the place of the one plane.
    detector_model : int or None
        Number of the experiment whose detector it is, where its file has several.
    beam_centre_pixels : tuple of float or None
        Where the beam meets it, if it has a name (fast, slow).
    panels : numbragg.Detector or None
        What `numbragg.command_line.panels` made of it.
    background : str or None
        Layers of amorphous material, as words.
    response : numbragg.Response or None
        What stands in the file of `--response`.
    printout : bool
        Whether to list the pixels.
    printout_pixel : tuple of int or None
        The one pixel to list (fast, slow).
    date : str or None
        Time that files state.
    quiet, help, version : bool
        The options of that name.
    precision, summation, threads, backend, device
        As in `run_options.Evaluation`.
    notices : list of str
        One-line remarks: options without effect, surprises that took effect.
    announcement : str or None
        What a user must know before the image is there, in one line.
    origins : dict of str
        Where settings come from that a header gave, by name, to begin an error with.
    """

    draft: Draft = field(default_factory=Draft)
    files: Files = field(default_factory=Files)
    outputs: Outputs = field(default_factory=Outputs)
    uses: tuple = ()
    default_f: float = 0.0
    hkl_columns: str | None = None
    intensities: str | None = None
    space_group: str | None = None
    scale: float = 0.0
    pgm_scale: float = 0.0
    adc_offset: float = 40.0
    seed: int | None = None
    progress: bool | None = None
    spectrum_axis: str | None = None
    spectrum_density: bool = False
    spectrum_samples: int | None = None
    spectrum_seed: int | None = None
    detector: str | None = None
    detector_model: int | None = None
    beam_centre_pixels: tuple | None = None
    panels: object = None
    background: str | None = None
    response: object = None
    printout: bool = False
    printout_pixel: tuple | None = None
    date: str | None = None
    quiet: bool = False
    precision: str = "exact"
    summation: str | None = None
    threads: int | None = None
    backend: str = "cpu"
    device: int | None = None
    notices: list = field(default_factory=list)
    announcement: str | None = None
    origins: dict = field(default_factory=dict)
    help: bool = False
    version: bool = False

    @property
    def given(self):
        """The last use of each option, by its name."""
        return {use.option.name: use for use in self.uses}


def assign(line, setting, value):
    """Put a value into a setting of a command line.

    Parameters
    ----------
    line : CommandLine
    setting : member descriptor
        The setting, read from its class: `Draft.fudge`, `Files.hkl`, `Outputs.tiff`, `CommandLine.scale`.  A name
        that is misspelt is an error where it is written.
    value : object
    """
    for part in (line.draft, line.files, line.outputs, line):
        if isinstance(part, setting.__objclass__):
            setting.__set__(part, value)
            return
    raise TypeError(f"{setting!r}: not a setting of a command line")
