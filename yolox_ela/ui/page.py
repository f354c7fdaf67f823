"""The page: a picture in, its objects and the attention's gates out."""

import html
from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np

from yolox_ela.errors import UserError
from yolox_ela.predict import Detector
from yolox_ela.schema import shown
from yolox_ela.system.files import as_path
from yolox_ela.ui.answers import detect, gates

TITLE = "yolox_ela"
# Fonts of the system; those of gradio's themes are files that it may load from elsewhere.
THEME = gr.themes.Default(font=("system-ui", "sans-serif"), font_mono=("monospace",))
MESSAGE = 30  # seconds that a message stays unless it is closed
OLDEST_FILE, LOOK_EVERY = 3600, 600  # seconds; uploads and results are deleted after that
ONE_AT_A_TIME: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}


def build_page(networks: Mapping[str, Detector], threshold: float) -> gr.Blocks:
    """The page, whose answers gradio's clients get as `/detect` and `/gates`, too.

    Args:
        networks: the networks to choose from, by the names that the page calls them; the first
            one is chosen at first.
        threshold: the lowest score that is shown at first, 0-1.
    """

    def chosen(network: str) -> Detector:
        """The network of a name that a client sends."""
        if not isinstance(network, str) or network not in networks:
            raise UserError(f"no network is called {shown(network)}: choose {', '.join(networks)}")
        return networks[network]

    def show_objects(
        picture: str | None, network: str, lowest: float
    ) -> tuple[np.ndarray | None, dict[str, Any] | None]:
        """The picture with its boxes, and its detections; nothing without a picture."""
        if picture is None:
            return None, None
        try:
            found = detect(chosen(network), as_path(picture, "the picture"), lowest)
        except UserError as error:
            # The page reads messages as HTML, and they have names of files and classes in them.
            message = html.escape(str(error))
            raise gr.Error(message, duration=MESSAGE, print_exception=False) from error
        return found.plot, {"network": network, "threshold": lowest, **found.entry}

    def show_gates(picture: str | None, network: str, wanted: bool) -> tuple[Any, Any]:
        """The figure of the gates and its reading, both hidden if there are none."""
        if picture is None or not wanted:
            return gr.update(value=None, visible=False), gr.update(value="", visible=False)
        try:
            figure, text = gates(chosen(network), as_path(picture, "the picture"))
        except UserError as error:  # in the text, as the detections may have the same message
            figure, text = None, str(error)
        drawn = gr.update(value=figure, visible=figure is not None)
        return drawn, gr.update(value=text, visible=True)

    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(LOOK_EVERY, OLDEST_FILE)
    ) as page:
        with gr.Row():
            with gr.Column():
                picture = photograph()
                network = gr.Dropdown(list(networks), label="Network")
                lowest = gr.Slider(0, 1, threshold, step=0.01, label="Lowest score that is shown")
                wanted = gr.Checkbox(label="Show the gates of its attention")
            with gr.Column():
                plot = gr.Image(  # a label would lie over captions of boxes
                    show_label=False,
                    alt_text="Detections",
                    format="jpeg",
                    interactive=False,
                    buttons=["download", "fullscreen"],  # without the one that shares a picture
                )
                entry = gr.JSON(label="Detections as JSON", open=True)
        # Label and buttons would lie over the figure's titles.
        figure = gr.Image(
            format="png", visible=False, show_label=False, buttons=[], alt_text="Gates at each site"
        )
        reading = gr.Textbox(label="Gates of the attention", visible=False, lines=6)
        gr.on(
            [picture.input, network.change, lowest.change],
            show_objects,
            [picture, network, lowest],
            [plot, entry],
            api_name="detect",
            trigger_mode="always_last",
            **ONE_AT_A_TIME,
        )
        gr.on(
            [picture.input, network.change, wanted.change],
            show_gates,
            [picture, network, wanted],
            [figure, reading],
            api_name="gates",
            trigger_mode="always_last",
            **ONE_AT_A_TIME,
        )
    return page


def photograph() -> gr.Image:
    """The place for a picture from a file, the clipboard or the camera; its value is a path."""
    image = gr.Image(label="Photograph", type="filepath", buttons=["fullscreen"])

    def path_of(payload: Any) -> str | None:
        return None if payload is None else payload.path

    # Its own method opens the file before our reader can say what is wrong with it.
    image.preprocess = path_of  # type: ignore[method-assign]
    return image
