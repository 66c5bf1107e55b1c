"""What a skeleton's movement means: joint angles, lengths, centre of mass, contacts, symmetry."""

from .analysis import Analysis as Analysis
from .analysis import analyze as analyze
from .analysis import angle_figures as angle_figures
from .angles import ANGLES as ANGLES
from .angles import joint_angles as joint_angles
from .contacts import foot_contacts as foot_contacts
from .contacts import gait_events as gait_events
from .derivatives import speed as speed
from .derivatives import velocity as velocity
from .mass import center_of_mass as center_of_mass
from .segments import segment_lengths as segment_lengths
