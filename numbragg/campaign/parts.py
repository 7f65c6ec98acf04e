"""The parts of a shot: structure, detector, beam, crystals, background and response, as a description has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
import functools
import inspect
import os
from typing import Any

from ..background.layers import Background, Layer, split_words
from ..background.tables import MATERIALS, material, read_table
from ..configs.beam import Beam
from ..configs.checks import choice, finite, shown, whole
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.sampling import Sampling
from ..configs.spectrum import Spectrum
from ..configs.structure_factors import StructureFactors
from ..response.response import RECORDS, Response
from ..response.stages import Defects
from ..response.toml_file import check_keys, read_response, read_toml, response_of
from ..scene.revisions import DEFAULT, revision_names
from ..structures.cells import RIGHT, cell_fields
from ..structures.kinds import file_kind
from .description import Description, Values
from .draws import Source

# start-up: named detectors are imported where one is named

__all__ = ["Parts"]

#: Words of a table that are no fields of the configuration.
_NOT_OF_CRYSTALS = ("structure_factors", "mosaic_rotations")
_NOT_OF_DETECTORS = ("mask", "panels")
#: Fields that vary, by the kind of detector.
_OF_DETECTORS = {
    "fields": ("distance_mm", "beam_centre_mm", "rotation_deg", "twotheta_deg", "sensor_thickness_um"),
    "name": ("distance_mm", "beam_centre_pixels", "sensor_thickness_um"), "geometry": ("distance_mm", "shift_mm"),
    "experiments": (), "header": ()}
_SPECTRUM = {"file": ("axis", "density", "threshold", "merged"), "gaussian": ("bandwidth_percent", "samples"),
             "tophat": ("bandwidth_percent", "samples"),
             "sase": ("bandwidth_percent", "seed", "samples", "spike_percent", "threshold", "merged")}
_EVALUATION = ("precision", "summation", "revision")


@contextmanager
def _of(place: str) -> Iterator[None]:
    """Name a table before what a configuration says of its field."""
    try:
        yield
    except ValueError as error:
        said = str(error)
        if said.startswith(("vary.", f"{place}.", f"{place}:")):
            raise
        # of a field, or of a file
        raise ValueError(f"{place}{'.' if said.partition(':')[0].isidentifier() else ': '}{said}") from None


def _names(kind: Any, without: tuple[str, ...] = ()) -> list[str]:
    return [each.name for each in fields(kind) if each.name not in without]


class Parts:
    """What a description is made of, read once, and what of it a shot has.

    Parameters
    ----------
    description : Description

    Attributes
    ----------
    structure : StructureFactors
    sampling : Sampling
    evaluation : dict
        Precision, summation and revision.

    Raises
    ------
    ValueError
        Naming the file, the field, the value and the rule.
    OSError
        A file cannot be read.
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self._notes: list[str] = []
        self._spectra: dict[str, Spectrum] = {}
        try:
            self.structure = self._structure(description.table("structure"))
            self._detector = self._detector_maker(description.table("detector"))
            self._beam = self._checked_beam(description.table("beam"))
            self._crystal = self._checked_crystal(description.table("crystal"))
            self._layers = self._checked_layers(description.table("background"))
            self._response = self._checked_response(description.table("response"))
            self.sampling = self._sampling(description.table("sampling"))
            self.evaluation = _evaluation(description.table("evaluation"))
            # what cannot be made at all is found before the first shot
            base = Values({}, ({},), False)
            for make in (self.detector, self.beam, self.crystals, self.background, self.response):
                make(base)
        except ValueError as error:
            said = str(error)
            raise ValueError(said if said.startswith(description.path) else f"{description.path}: {said}") from None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as the description says."""
        return tuple(dict.fromkeys(self._notes))

    # -- structure

    def _structure(self, table: dict[str, Any]) -> StructureFactors:
        known = ["constant", "file", "default", "column", "columns", "intensities", "space_group", "f000",
                 "d_min_angstrom", "wavelength_angstrom", "solvent"]
        check_keys(table, known, "structure.")
        if ("constant" in table) == ("file" in table):
            raise ValueError("structure: give constant or file, one of them")
        with _of("structure"):
            if "constant" in table:
                _only(table, ("constant",), "constant")
                return StructureFactors.constant(finite("constant", table["constant"], "electrons"))
            path = self.description.find("structure.file", table.pop("file"))
            read, takes = _structure_reader(path)
            _only(table, takes, f"{os.path.basename(path)}, which is read as a {file_kind(path) or 'list'} file")
            try:
                made = read(path, **table)
            except TypeError:
                raise ValueError("d_min_angstrom: a model of atoms needs it") from None
        self._notes += [str(note) for note in made.notes]
        return made

    # -- detector

    def _detector_maker(self, table: dict[str, Any]) -> Callable[..., Detector]:
        """What makes a detector of the fields that vary, checked; and what may vary of it."""
        kind, make = self._of_kind(table)
        for name, varied in self.description.varied.items():
            if varied.field.owner == "detector" and name not in _OF_DETECTORS[kind]:
                may = ", ".join(_OF_DETECTORS[kind]) or "nothing"
                raise ValueError(f"vary.{name}: cannot vary on a detector that is given by {kind}; {may} can")
        return functools.lru_cache(maxsize=8)(make)

    def _of_kind(self, table: dict[str, Any]) -> tuple[str, Callable[..., Detector]]:
        if "name" in table:
            return "name", self._named_detector(table)
        if "file" not in table:
            check_keys(table, _names(Detector, _NOT_OF_DETECTORS), "detector.")
            if "pixels" not in table and "size_mm" not in table:
                raise ValueError("detector: needs pixels, or a name or a file")
            return "fields", lambda **varied: Detector(**{**table, **varied})
        path = self.description.find("detector.file", table["file"])
        plain = path.lower().removesuffix(".gz")
        if plain.endswith(".geom"):
            check_keys(table, ["file", "convention", *inspect.signature(Detector.from_geom).parameters], "detector.")
            return "geometry", _framed(table, lambda **found: Detector.from_geom(path, **found))
        if plain.endswith((".expt", ".json")):
            check_keys(table, ["file", "convention", "index"], "detector.")
            return "experiments", _framed(table, lambda **found: Detector.from_expt(path, **found))
        check_keys(table, ["file", "convention"], "detector.")
        return "header", _framed(table, lambda **found: Detector.from_header(path))

    def _named_detector(self, table: dict[str, Any]) -> Callable[..., Detector]:
        from .. import detectors

        name = choice("detector.name", table["name"], tuple(detectors.__all__))
        make = getattr(detectors, name)
        check_keys(table, ["name", "convention", *inspect.signature(make).parameters], "detector.")
        if "distance_mm" not in table:
            raise ValueError(f"detector.distance_mm: is missing; {name} needs it")
        return _framed(table, make)

    def detector(self, values: Values) -> Detector:
        """The detector of a shot; the same object where nothing of it varies."""
        with _of("detector"):
            return self._detector(**self._varied(values, "detector"))

    # -- beam

    def _checked_beam(self, table: dict[str, Any]) -> dict[str, Any]:
        check_keys(table, _names(Beam), "beam.")
        spectrum, varied = table.get("spectrum"), self.description.varied
        if spectrum is not None and not isinstance(spectrum, (str, dict)):
            raise ValueError(f"beam.spectrum: {shown(spectrum)} must be a table, or the name of a file")
        if spectrum is not None and "spectrum" in varied:
            raise ValueError("vary.spectrum: [beam] has a spectrum, too; leave one of them out")
        own = spectrum is not None and (isinstance(spectrum, str) or "file" in spectrum) or "spectrum" in varied and (
            "files" in self.description.tables["vary"]["spectrum"])
        if own and "wavelength_angstrom" in varied:
            raise ValueError("vary.wavelength_angstrom: files of spectra have wavelengths of their own")
        if spectrum is not None:
            if isinstance(spectrum, str):
                spectrum = {"file": spectrum}
            table["spectrum"] = _spectrum_table(spectrum)
            if "file" in spectrum:
                table["spectrum"]["file"] = self.description.find("beam.spectrum.file", spectrum["file"])
        if "spectrum" in varied:
            with _of("vary.spectrum"):
                # or what is wrong with its keys would be wrong with every shot
                self._spectrum(varied["spectrum"].distribution.draw(Source(0, "spectrum", 0)), 1.0)
        return table

    def beam(self, values: Values) -> Beam:
        """The beam of a shot."""
        table = {**self._beam, **self._varied(values, "beam")}
        made_of = table.pop("spectrum", None)
        with _of("beam"):
            if made_of is None:
                return Beam(**table)
            with _of("vary.spectrum" if "spectrum" in self.description.varied else "beam.spectrum"):
                spectrum = self._spectrum(made_of, table.get("wavelength_angstrom", 1.0))
            return Beam(**table, spectrum=spectrum)

    def _spectrum(self, made_of: dict[str, Any], wavelength: float) -> Spectrum:
        options = dict(made_of)
        merged, threshold = options.pop("merged", None), options.get("threshold", 0.0)
        if "file" in options:
            key = repr(sorted(options.items()))
            if key not in self._spectra:
                # the same file as often as it is drawn
                self._spectra[key] = Spectrum.from_file(options.pop("file"), **options)
            made = self._spectra[key]
        else:
            kind = options.pop("kind")
            options.pop("threshold", None)
            made = getattr(Spectrum, kind)(wavelength, **options)
            if threshold != 0.0:
                made = Spectrum(made.wavelengths_angstrom, made.weights, threshold=threshold)
        return made if merged is None else made.merged(whole("merged", merged))

    # -- crystals

    def _checked_crystal(self, table: dict[str, Any]) -> dict[str, Any]:
        check_keys(table, _names(Crystal, _NOT_OF_CRYSTALS), "crystal.")
        varied = self.description.varied
        if "cell" not in table and "matrix" not in table:
            if self.structure.cell is None:
                raise ValueError("crystal.cell: is missing; the structure has none")
            table["cell"] = self.structure.cell
        if "matrix" not in table:
            with _of("crystal"):
                # of which nanoBragg would make another one (docs/quirks Q30)
                table |= cell_fields(Crystal(cell=table["cell"]).cell)
        if "matrix" in self.description.tables.get("crystal", {}):
            for name in ("cell_length_factor", "cell_angle_offset_deg"):
                if name in varied:
                    raise ValueError(f"vary.{name}: needs crystal.cell; the axes are those of crystal.matrix")
        if "orientation" in varied:
            for name in ("u_matrix", "misset_deg", "random_misset_seed"):
                if name in table:
                    raise ValueError(f"crystal.{name}: is replaced by vary.orientation; leave one of them out")
        if "mosaic_spread_deg" in varied and table.get("mosaicity") == "anisotropic":
            raise ValueError('vary.mosaic_spread_deg: is one number, and mosaicity "anisotropic" has three')
        return table

    def crystals(self, values: Values) -> list[Crystal]:
        """The crystals of a shot, one for each lattice."""
        with _of("crystal"):
            return [self._one_crystal(dict(lattice)) for lattice in values.lattices]

    def _one_crystal(self, values: dict[str, Any]) -> Crystal:
        table = dict(self._crystal)
        factors, offsets = values.pop("cell_length_factor", None), values.pop("cell_angle_offset_deg", None)
        if factors is not None or offsets is not None:
            options = {name: varied.options.get("alike", "symmetry") for name, varied in
                       self.description.varied.items()}
            table |= {"matrix": None, **cell_fields(_jittered(table["cell"], factors, offsets, options))}
        turn = values.pop("orientation", None)
        if turn is not None:
            table["misset_deg" if isinstance(turn[0], float) else "u_matrix"] = turn
        return Crystal(**{**table, **values})

    # -- background

    def _checked_layers(self, table: dict[str, Any]) -> list[Layer]:
        check_keys(table, ["layers"], "background.")
        varied = self.description.varied.get("background_thickness_mm")
        layers = self._layers_of(table.get("layers"))
        if varied is not None and varied.options.get("layer", 0) >= len(layers):
            raise ValueError(f"vary.background_thickness_mm.layer: {varied.options.get('layer', 0)} of {len(layers)} "
                             "layers of [background]; must be the number of one, from 0")
        return layers

    def _layers_of(self, words: Any) -> list[Layer]:
        if words is None:
            return []
        if not isinstance(words, str):
            raise ValueError(f"background.layers: {shown(words)} must be words such as 'water:5um,air:50mm'")
        made = []
        with _of("background"):
            for name, extent, density, weight in split_words(words):
                table = (material(name, density, weight) if name in MATERIALS else
                         read_table(self.description.find(f"background.layers {name}", name), density, weight))
                made.append(Layer(table, **extent))
        return made

    def background(self, values: Values) -> Background | None:
        """The background of a shot, or None."""
        if not self._layers:
            return None
        layers, thickness = list(self._layers), values.shot.get("background_thickness_mm")
        if thickness is not None:
            place = self.description.varied["background_thickness_mm"].options.get("layer", 0)
            own = layers[place]
            around = own.begin_mm == -own.end_mm
            layers[place] = (Layer(own.material, thickness) if around else
                             Layer(own.material, begin_mm=own.begin_mm, end_mm=own.begin_mm + thickness))
        return Background(layers)

    # -- response

    def _checked_response(self, table: dict[str, Any]) -> Response | None:
        varied = [name for name, each in self.description.varied.items() if each.field.owner == "response"]
        if self.description.output.kind == "mean":
            if varied:
                raise ValueError(f'vary.{varied[0]}: is of counts, and output.kind is "mean"')
            return None
        if "file" in table:
            if len(table) > 1:
                raise ValueError("response.file: stands alone; put the other fields into that file")
            path = self.description.find("response.file", table["file"])
            made, table = read_response(path), read_toml(path)
        else:
            with _of("response"):
                made = response_of(table)
        spread = made.point_spread
        if spread is not None and spread.method == "fft":
            own = table.get("point_spread")
            if isinstance(own, dict) and "method" in own:
                raise ValueError('response.point_spread.method: "fft" has bits that depend on the machine; must be '
                                 '"direct" in a campaign')
            made = replace(made, point_spread=replace(spread, method="direct"))
            self._notes.append('response: the point spread is summed up by the method "direct", whose bits are the '
                               "same on all machines")
        for name in varied:
            stage = _stage_of(name)[0]
            if stage is not None and stage != "defects" and getattr(made, stage) is None:
                raise ValueError(f"vary.{name}: needs [response.{stage}]")
        if made.gain_stages is not None and {"gain_adu_per_photon", "readout_adu"} & {*varied}:
            raise ValueError("vary.gain_adu_per_photon: does not go with response.gain_stages, which have their own")
        return made

    def response(self, values: Values) -> Response | None:
        """The response of a shot; None where there are no counts."""
        found = self._varied(values, "response")
        if self._response is None or not found:
            return self._response
        made = self._response
        stages: dict[str, dict[str, Any]] = {}
        plain: dict[str, Any] = {}
        for name, value in found.items():
            stage, field = _stage_of(name)
            if stage is None:
                plain[field] = value
            else:
                stages.setdefault(stage, {})[field] = value
        with _of("response"):
            for stage, changes in stages.items():
                plain[stage] = replace(getattr(made, stage) or Defects(), **changes)
            return replace(made, **plain)

    # -- the rest

    def _sampling(self, table: dict[str, Any]) -> Sampling:
        check_keys(table, _names(Sampling), "sampling.")
        with _of("sampling"):
            return Sampling(**table)

    def _varied(self, values: Values, owner: str) -> dict[str, Any]:
        varied = self.description.varied
        return {name: value for name, value in values.shot.items()
                if varied[name].field.owner == owner and name != "background_thickness_mm"}


def _only(table: dict[str, Any], takes: tuple[str, ...], what: str) -> None:
    for key in table:
        if key not in takes:
            raise ValueError(f"{key}: does not go with {what}, which has {', '.join(takes)}")


def _structure_reader(path: str) -> tuple[Callable[..., StructureFactors], tuple[str, ...]]:
    """What reads a file of structure factors, and the keys that it takes."""
    kind = file_kind(path)
    reflections = ("column", "default", "intensities", "space_group", "f000")
    if kind == "mtz":
        return StructureFactors.from_mtz, reflections
    if kind is None:
        return StructureFactors.from_file, ("columns", "default", "intensities")
    if kind == "cif":
        from ..structures.library import content
        from ..structures.refln_cif import has_reflections

        if has_reflections(content(path)):
            return StructureFactors.from_cif, reflections
    return StructureFactors.from_model, ("d_min_angstrom", "wavelength_angstrom", "solvent", "default", "f000")


def _framed(table: dict[str, Any], make: Callable[..., Detector]) -> Callable[..., Detector]:
    """What makes a detector in the frame of a convention that is asked for."""
    convention = table.get("convention")
    own = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
           if key not in ("name", "file", "convention", "path")}

    def made(**varied: Any) -> Detector:
        detector = make(**{**own, **varied})
        return detector if convention is None else detector.in_convention(convention)

    return made


def _spectrum_table(table: Any) -> dict[str, Any]:
    """What [beam.spectrum] says a spectrum is made of."""
    said = "beam.spectrum"
    if not isinstance(table, dict):
        raise ValueError(f"{said}: {shown(table)} must be a table, or the name of a file")
    if "file" in table:
        check_keys(table, ["file", *_SPECTRUM["file"]], f"{said}.")
        return dict(table)
    kind = choice(f"{said}.kind", table.get("kind"), ("gaussian", "tophat", "sase"))
    check_keys(table, ["kind", *_SPECTRUM[kind]], f"{said}.")
    for key in ("bandwidth_percent", *(("seed",) if kind == "sase" else ())):
        if key not in table:
            raise ValueError(f"{said}.{key}: is missing; {kind} needs it")
    return dict(table)


def _evaluation(table: dict[str, Any]) -> dict[str, Any]:
    from ..configs.run_options import PRECISIONS, SUMMATIONS, Evaluation

    check_keys(table, list(_EVALUATION), "evaluation.")
    made = {"precision": choice("evaluation.precision", table.get("precision", "exact"), tuple(PRECISIONS)),
            "summation": table.get("summation"),
            "revision": choice("evaluation.revision", table.get("revision", DEFAULT), tuple(revision_names()))}
    if made["summation"] is not None:
        choice("evaluation.summation", made["summation"], SUMMATIONS)
    with _of("evaluation"):
        Evaluation(made["precision"], made["summation"])
    return made


def _stage_of(name: str) -> tuple[str | None, str]:
    """The stage of the response that a field is of, and its name there."""
    for stage in RECORDS:
        if name.startswith(f"{stage}_"):
            return stage, name.removeprefix(f"{stage}_")
    return None, name


def _jittered(cell: Any, factors: Any, offsets: Any, options: dict[str, str]) -> tuple[float, ...]:
    """A cell with other lengths and angles; those that its lattice has alike, and right ones, stay so unless asked."""
    lengths, angles = list(cell[:3]), list(cell[3:])
    if factors is not None:
        factors = list(factors) if isinstance(factors, tuple) else [factors] * 3
        first = _first_alike(lengths, options["cell_length_factor"])
        lengths = [length * factors[place] for length, place in zip(lengths, first)]
    if offsets is not None:
        offsets = list(offsets) if isinstance(offsets, tuple) else [offsets] * 3
        rule = options["cell_angle_offset_deg"]
        first = _first_alike(angles, rule)
        fixed = (RIGHT, 120.0) if rule == "symmetry" else ()
        angles = [angle if angle in fixed else angle + offsets[place] for angle, place in zip(angles, first)]
    return (*lengths, *angles)


def _first_alike(numbers: list[float], rule: str) -> list[int]:
    """For each of three numbers the place of the one whose draw it takes."""
    if rule == "none":
        return [0, 1, 2]
    return [0, 0, 0] if rule == "all" else [numbers.index(number) for number in numbers]
