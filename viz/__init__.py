"""Pictures: poses and cameras on the screen, in a picture, in a video. Open3D is imported inside functions alone."""

from .artist import RenderOptions as RenderOptions
from .look import Look as Look
from .render import render_image as render_image
from .render import render_sheet as render_sheet
from .render import render_video as render_video
from .window import WindowOptions as WindowOptions
from .window import show as show
