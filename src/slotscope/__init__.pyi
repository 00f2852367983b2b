from .engines import engine as engine
from .engines import engine_statuses as engine_statuses
from .errors import SlotscopeError as SlotscopeError
from .recording.files import load as load
from .recording.recording import Event as Event
from .recording.recording import Recording as Recording
from .recording.watch import watch as watch
