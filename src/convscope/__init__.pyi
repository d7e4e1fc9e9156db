from .results.adversarial import Adversarial as Adversarial, Universal as Universal
from .results.attribution import Attribution as Attribution, ClassActivation as ClassActivation
from .results.attribution import Estimate as Estimate, Projection as Projection
from .contract.checkpoint import checkpoint as checkpoint
from .base.errors import ConvscopeError as ConvscopeError, ConvscopeWarning as ConvscopeWarning
from .results.evaluation import Comparison as Comparison, Curves as Curves
from .results.evaluation import PointingGame as PointingGame, SanityCheck as SanityCheck
from .base.receptive_field import ReceptiveField as ReceptiveField
from .base.image import Image as Image, open_image as open_image
from .results.connections import Connections as Connections, ExpandedWeights as ExpandedWeights
from .results.connections import Formula as Formula
from .results.embedding import Embedding as Embedding
from .results.separation import SeparatingUnits as SeparatingUnits
from .results.network_comparison import NetworkComparison as NetworkComparison
from .results.neuron_projection import NeuronProjection as NeuronProjection
from .results.occlusion import Occlusion as Occlusion
from .results.patches import Patches as Patches
from .base.progress import Cancelled as Cancelled, listening as listening
from .contract.request import Request as Request
from .contract.result import Result as Result
from .results.flipped_units import FlippedUnits as FlippedUnits
from .results.margin_path import MarginPath as MarginPath
from .results.layers import Activations as Activations, Weights as Weights
from .base.samples import samples as samples
from .results.synthesis import Dream as Dream, Inversion as Inversion, Maximized as Maximized
from .results.synthesis import Sheet as Sheet, Stylized as Stylized
from .base.unit import Unit as Unit
from .fronts.exploring import Exploring as Exploring, explore as explore
from .fronts.report.report import report as report
from .fronts.watching import watch as watch
from .network.network import Network as Network
from .zoo.zoo import load as load
from .scan.codes.result import Codes as Codes, open_codes as open_codes
from .scan.feature_extraction import codes as codes
from .results.evolution import Evolution as Evolution
from .results.grid import arrange as arrange
from .scan.result import Hit as Hit, Scan as Scan, open_scan as open_scan
from .scan.scan import merge_scans as merge_scans, scan as scan
from .techniques.inspection.activations import activations as activations
from .techniques.attribution.smoothgrad import smoothgrad as smoothgrad, vargrad as vargrad
from .techniques.evaluation.compare import compare as compare
from .techniques.representation.compare_networks import compare_networks as compare_networks
from .techniques.differences.flipped_units import flipped_units as flipped_units
from .techniques.differences.margin_path import margin_path as margin_path
from .techniques.connections.connections import connections as connections
from .techniques.connections.expanded_weights import expanded_weights as expanded_weights
from .techniques.connections.formula import formula as formula
from .techniques.dream.dream import dream as dream
from .techniques.representation.embed import embed as embed
from .techniques.evaluation.insertion_deletion import insertion_deletion as insertion_deletion
from .techniques.attribution.gradcam import gradcam as gradcam
from .techniques.attribution.gradients import deconvnet as deconvnet, guided_backprop as guided_backprop
from .techniques.attribution.gradients import input_x_gradient as input_x_gradient, saliency as saliency
from .techniques.attribution.integrated_gradients import integrated_gradients as integrated_gradients
from .techniques.inversion.invert import invert as invert
from .techniques.attribution.perturbation_mask import perturbation_mask as perturbation_mask
from .techniques.visualization.maximize import maximize as maximize
from .techniques.representation.neuron_projection import neuron_projection as neuron_projection
from .techniques.attribution.occlusion import occlusion as occlusion
from .techniques.inspection.patches import patches as patches
from .techniques.evaluation.pointing_game import pointing_game as pointing_game
from .techniques.inspection.project import project as project
from .techniques.attribution.rise import rise as rise
from .techniques.evaluation.sanity_check import sanity_check as sanity_check
from .techniques.representation.separating_units import separating_units as separating_units
from .techniques.visualization.sheet import sheet as sheet
from .techniques.style.style import style as style
from .techniques.inspection.weights import weights as weights
from .techniques.adversarial.signed_steps import bim as bim, fgsm as fgsm, mifgsm as mifgsm, pgd as pgd
from .techniques.adversarial.deepfool import deepfool as deepfool
from .techniques.adversarial.cw import cw as cw
from .techniques.adversarial.fooling import fooling as fooling
from .techniques.adversarial.minimal import minimal as minimal
from .techniques.adversarial.universal import universal as universal
from .training.evolution.code_evolution import code_evolution as code_evolution
from .training.evolution.filter_evolution import filter_evolution as filter_evolution
from .training.recorder import Recorder as Recorder
from .training.storage.record import Record as Record, open_record as open_record
