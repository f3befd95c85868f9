#!/usr/bin/env python3
"""Convert an EfficientDet-Lite detector (int8 TFLite, COCO) to ONNX that computes in int8 as the original does.

The TFLite file is quantised by its makers: int8 weights a channel, and for every activation a scale and a zero point
that they calibrated on their own pictures. `effdet_tflite_to_onnx.py` undoes all that and gives float32; this script
keeps it, so nothing is calibrated here and no footage is needed. The result is in the QDQ form that ONNX Runtime and
OpenVINO fuse into integer kernels. Four differences from the original, none of which moves a result by more than one
step of its quantisation:

- activations are uint8 instead of int8 (zero points 128 higher): x86 multiplies unsigned by signed
- scores before the sigmoid have half the step: the original can say 0.50 and 0.52 but nothing between
- the ten columns of class scores that COCO never used are not computed
- only the 1000 anchors with the best class score are decoded; skyeye compares no more (`postprocess::MAX_CANDIDATES`)

The result, opset 13, has the interface of the float32 one, with N = 1000:

    images  float32 [1, 3, S, S]   RGB, 0..255
    boxes   float32 [1, N, 4]      x1, y1, x2, y2 in pixels of the input
    scores  float32 [1, N, 80]     COCO's 80 classes in their usual order, sigmoid applied

The same input gives the same bytes, so the manifest can pin the sha256 of the result.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import tflite
from effdet_tflite_to_onnx import COCO_IDS, NCHW, PLAIN, UNUSED_COCO_IDS, Converter, Unsupported
from onnx import TensorProto, helper, numpy_helper

KEPT_ANCHORS = 1000
KEPT_CLASSES = [i - 1 for i in range(1, COCO_IDS + 1) if i not in UNUSED_COCO_IDS]


class Int8Converter(Converter):
    """As its parent, but every value is the name of a uint8 tensor with the scale and zero point of the original."""

    def __init__(self, data):
        super().__init__(data)
        self.scores_last = (COCO_IDS, 9 * COCO_IDS)  # last dimension of what holds scores: flattened, or 9 anchors a place
        self.parameters = {}  # (scale, zero point) -> names of their constants

    # Quantisation

    def quantisation(self, tensor):
        """Scale and uint8 zero point of an activation."""
        quantisation = self.graph.Tensors(tensor).Quantization()
        if quantisation is None or quantisation.ScaleLength() != 1:
            raise Unsupported(f"tensor {tensor} is not quantised as a whole")
        if self.graph.Tensors(tensor).Type() != tflite.TensorType.INT8:
            raise Unsupported(f"tensor {tensor} is not int8")
        scale, zero = np.float32(quantisation.ScaleAsNumpy()[0]), int(quantisation.ZeroPointAsNumpy()[0]) + 128
        if self.shape(tensor)[-1] in self.scores_last:
            # Half the step, up to the same best score: what falls off below is a score under 0.001.
            scale, zero = scale / np.float32(2), 255 - 2 * (255 - zero)
        return scale, np.uint8(zero)

    def scale_and_zero(self, scale, zero):
        key = (float(scale), int(zero))
        if key not in self.parameters:
            self.parameters[key] = [self.add_constant(np.float32(scale), "s"), self.add_constant(np.uint8(zero), "z")]
        return self.parameters[key]

    def real(self, tensor):
        """The value of a TFLite tensor, dequantised; one node a consumer, as the fusion wants it."""
        return self.add("DequantizeLinear", [self.values[tensor], *self.scale_and_zero(*self.quantisation(tensor))])

    def add_constant(self, array, prefix="c"):
        name = self.name(prefix)
        # A scale must be a scalar to be fused, and the parent makes those to lists of one.
        array = array if np.ndim(array) == 0 else np.ascontiguousarray(array)
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def quantise(self, value, tensor):
        return self.add("QuantizeLinear", [value, *self.scale_and_zero(*self.quantisation(tensor))])

    def stored(self, index):
        """A constant as it is stored, with the scales of its channels."""
        tensor = self.graph.Tensors(index)
        kind = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}.get(tensor.Type())
        quantisation = tensor.Quantization()
        if kind is None or quantisation is None or not quantisation.ScaleLength():
            raise Unsupported(f"constant {index} is not quantised")
        if quantisation.ZeroPointAsNumpy().any():
            raise Unsupported(f"constant {index} is not symmetric")
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(data, kind).reshape(self.shape(index)), quantisation.ScaleAsNumpy().astype(np.float32)

    def real_constant(self, array, scales, prefix):
        zeros = np.zeros(len(scales), array.dtype)
        names = [self.add_constant(array, prefix), self.add_constant(scales, "s"), self.add_constant(zeros, "z")]
        return self.add("DequantizeLinear", names, axis=0)

    def activate_within(self, value, function, output):
        """The activation, unless the range of the quantised output is already what it would cut to."""
        kinds = tflite.ActivationFunctionType
        scale, zero = self.quantisation(output)
        if function == kinds.RELU6 and zero == 0 and scale * 255 <= 6.0001:
            return value
        return self.activate(value, function)

    # Operators

    def convolution(self, options, inputs, outputs, depthwise):
        (weights, scales), (bias, bias_scales) = self.stored(inputs[1]), self.stored(inputs[2])
        _, height, width, channels = self.shape(inputs[0])
        weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        groups = weights.shape[0] if depthwise else 1
        if depthwise and groups != channels:
            raise Unsupported("a depthwise convolution with a multiplier")
        anchors, rest = divmod(weights.shape[0], COCO_IDS)
        if not depthwise and anchors and rest == 0:  # class scores
            rows = [a * COCO_IDS + c for a in range(anchors) for c in KEPT_CLASSES]
            weights, scales, bias, bias_scales = weights[rows], scales[rows], bias[rows], bias_scales[rows]
        kernel, strides = list(weights.shape[2:]), [options.StrideH(), options.StrideW()]
        value = self.add(
            "Conv",
            [
                self.real(inputs[0]),
                self.real_constant(weights, scales, "w"),
                self.real_constant(bias, bias_scales, "b"),
            ],
            kernel_shape=kernel,
            strides=strides,
            pads=self.pads(options, (height, width), kernel, strides),
            group=groups,
        )
        value = self.activate_within(value, options.FusedActivationFunction(), outputs[0])
        return self.quantise(value, outputs[0]), NCHW

    def add_tensors(self, options, inputs, outputs):
        value = self.add("Add", [self.real(inputs[0]), self.real(inputs[1])])
        value = self.activate_within(value, options.FusedActivationFunction(), outputs[0])
        return self.quantise(value, outputs[0]), NCHW

    # These move numbers without reckoning, so they do it with the quantised ones.

    def same_scale(self, inputs, outputs):
        if any(self.quantisation(i) != self.quantisation(outputs[0]) for i in inputs):
            raise Unsupported("an operator that changes the scale of what it moves")

    def max_pool_2d(self, options, inputs, outputs):
        self.same_scale(inputs, outputs)
        return super().max_pool_2d(options, inputs, outputs)

    def resize_nearest_neighbor(self, options, inputs, outputs):
        self.same_scale(inputs[:1], outputs)
        return super().resize_nearest_neighbor(options, inputs, outputs)

    def reshape(self, _options, inputs, outputs):
        self.same_scale(inputs[:1], outputs)
        value = self.add("Transpose", [self.values[inputs[0]]], perm=[0, 2, 3, 1])
        _, rows, columns = self.shape(outputs[0])
        columns = len(KEPT_CLASSES) if columns == COCO_IDS else columns
        shape = self.add_constant(np.array([1, rows, columns], np.int64))
        return self.add("Reshape", [value, shape]), PLAIN

    def concatenation(self, options, inputs, outputs):
        self.same_scale(inputs, outputs)
        return super().concatenation(options, inputs, outputs)

    def logistic(self, _options, inputs, _outputs):
        # Reckoned at the end, for the anchors that are kept.
        self.logits = inputs[0]
        return self.values[inputs[0]], PLAIN

    def detection_postprocess(self, inputs):
        anchors = self.constant(inputs[2]).astype(np.float32)  # rows of y, x, height, width in 0..1
        self.anchors = min(KEPT_ANCHORS, anchors.shape[0])

        def number(value, kind=np.int64):
            return self.add_constant(np.array(value, kind))

        best = self.add("ReduceMax", [self.values[self.logits]], axes=[2], keepdims=0)
        best = self.add("Cast", [best], to=TensorProto.FLOAT)
        top, order = self.name("top"), self.name("order")
        self.nodes.append(helper.make_node("TopK", [best, number([self.anchors])], [top, order], name="n_" + top, axis=1, sorted=0))
        kept = self.add("Reshape", [order, number([self.anchors])])

        def of_kept(value):
            return self.add("Gather", [value, kept], axis=1)

        def dequantised(value, tensor):
            return self.add("DequantizeLinear", [value, *self.scale_and_zero(*self.quantisation(tensor))])

        encoded = dequantised(of_kept(self.values[inputs[0]]), self.boxes)
        centre = of_kept(self.add_constant(anchors[None, :, [1, 0]] * self.size))
        extent = of_kept(self.add_constant(anchors[None, :, [3, 2]] * self.size))

        def columns(indices):
            return self.add("Gather", [encoded, number(indices)], axis=2)

        middle = self.add("Add", [self.add("Mul", [columns([1, 0]), extent]), centre])
        extent = self.add("Mul", [self.add("Exp", [columns([3, 2])]), extent])
        half = self.add("Mul", [extent, self.add_constant(np.float32(0.5))])
        corners = [self.add("Sub", [middle, half]), self.add("Add", [middle, half])]
        self.nodes.append(helper.make_node("Concat", corners, ["boxes"], name="n_boxes", axis=2))
        scores = dequantised(of_kept(self.values[self.logits]), self.logits)
        self.nodes.append(helper.make_node("Sigmoid", [scores], ["scores"], name="n_scores"))

    def convert_operator(self, operator):
        # The only place where the parent would lose whose quantisation a float value has.
        if self.operator_name(operator) == "DEQUANTIZE":
            source = operator.InputsAsNumpy().tolist()[0]
            if self.shape(source)[-1] == 4:
                self.boxes = source
        super().convert_operator(operator)

    def convert(self):
        images = self.graph.Inputs(0)
        self.size = self.shape(images)[1]
        scale, zero = self.graph.Tensors(images).Quantization().ScaleAsNumpy()[0], 127
        if abs(scale - 1 / 128) > 1e-9:
            raise Unsupported("an input that is not normalised by (x - 127) / 128")
        # A pixel value is its own quantised form: 0..255 stands for (x - 127) / 128.
        pixels = self.add("QuantizeLinear", ["images", *self.scale_and_zero(1.0, 0)])
        first = self.graph.Operators(0)
        if self.operator_name(first) != "QUANTIZE":
            raise Unsupported("a graph that does not begin by quantising")
        if self.quantisation(first.Outputs(0)) != (np.float32(scale), np.uint8(zero)):
            raise Unsupported("an input with another zero point")
        self.values[images], self.layouts[images] = pixels, NCHW
        for index in range(self.graph.OperatorsLength()):
            self.convert_operator(self.graph.Operators(index))
        if self.anchors is None:
            raise Unsupported("no detection operator at the end")

        def tensor(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "efficientdet_lite_int8",
            [tensor("images", [1, 3, self.size, self.size])],
            [tensor("boxes", [1, self.anchors, 4]), tensor("scores", [1, self.anchors, len(KEPT_CLASSES)])],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="effdet_tflite_to_int8"
        )
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


# The parent looks builders up by function, so those of the operators named here take the place of its own.
Int8Converter.BUILDERS = {
    name: (options, getattr(Int8Converter, build.__name__)) for name, (options, build) in Converter.BUILDERS.items()
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tflite", type=Path, help="the detector to read, e.g. efficientdet-lite0.tflite")
    parser.add_argument("onnx", type=Path, help="the file to write")
    arguments = parser.parse_args()
    converter = Int8Converter(arguments.tflite.read_bytes())
    try:
        model = converter.convert()
    except Unsupported as error:
        sys.exit(f"{arguments.tflite}: {error}; this converter knows EfficientDet-Lite 0, 1 and 2 only")
    onnx.save(model, arguments.onnx)
    print(
        f"{arguments.onnx}: input {converter.size}x{converter.size}, {converter.anchors} boxes, {len(converter.nodes)} nodes"
    )


if __name__ == "__main__":
    main()
