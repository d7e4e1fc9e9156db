from .base.attributions import Attribution as Attribution, ClassActivation as ClassActivation
from .base.attributions import Estimate as Estimate, Projection as Projection
from .base.checkpoint import checkpoint as checkpoint
from .base.errors import ConvscopeError as ConvscopeError, ConvscopeWarning as ConvscopeWarning
from .base.evaluations import Comparison as Comparison, Curves as Curves
from .base.evaluations import PointingGame as PointingGame, SanityCheck as SanityCheck
from .base.field import ReceptiveField as ReceptiveField
from .base.image import Image as Image, open_image as open_image
from .base.occlusion import Occlusion as Occlusion
from .base.patches import Patches as Patches
from .base.progress import Cancelled as Cancelled, listening as listening
from .base.request import Request as Request
from .base.results import Activations as Activations, Result as Result, Weights as Weights
from .base.samples import samples as samples
from .base.syntheses import Dream as Dream, Inversion as Inversion, Maximized as Maximized
from .base.syntheses import Sheet as Sheet, Stylized as Stylized
from .base.unit import Unit as Unit
from .fronts.exploring import Exploring as Exploring, explore as explore
from .fronts.report import report as report
from .network.network import Network as Network
from .network.zoo import load as load
from .scan.result import Hit as Hit, Scan as Scan, open_scan as open_scan
from .scan.scanning import merge_scans as merge_scans, scan as scan
from .techniques.activations import activations as activations
from .techniques.averaged import smoothgrad as smoothgrad, vargrad as vargrad
from .techniques.comparison import compare as compare
from .techniques.dream import dream as dream
from .techniques.faithfulness import insertion_deletion as insertion_deletion
from .techniques.gradcam import gradcam as gradcam
from .techniques.gradients import deconvnet as deconvnet, guided_backprop as guided_backprop
from .techniques.gradients import input_x_gradient as input_x_gradient, saliency as saliency
from .techniques.integrated import integrated_gradients as integrated_gradients
from .techniques.invert import invert as invert
from .techniques.masks import perturbation_mask as perturbation_mask
from .techniques.maximize import maximize as maximize
from .techniques.occlusion import occlusion as occlusion
from .techniques.patches import patches as patches
from .techniques.pointing import pointing_game as pointing_game
from .techniques.projection import project as project
from .techniques.rise import rise as rise
from .techniques.sanity import sanity_check as sanity_check
from .techniques.sheet import sheet as sheet
from .techniques.style import style as style
from .techniques.weights import weights as weights
