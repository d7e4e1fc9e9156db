from .base.errors import ConvscopeError as ConvscopeError, ConvscopeWarning as ConvscopeWarning
from .base.image import Image as Image, open_image as open_image
from .base.attributions import Attribution as Attribution, ClassActivation as ClassActivation, Estimate as Estimate
from .base.progress import Cancelled as Cancelled, listening as listening
from .base.results import Activations as Activations, Result as Result, Weights as Weights
from .base.request import Request as Request
from .base.samples import samples as samples
from .base.unit import Unit as Unit
from .network.network import Network as Network
from .network.zoo import load as load
from .techniques.activations import activations as activations
from .techniques.gradients import deconvnet as deconvnet, guided_backprop as guided_backprop, saliency as saliency
from .techniques.weights import weights as weights
