#!/usr/bin/env python3
"""Convert an EfficientDet-Lite detector (int8 TFLite, COCO) to plain float32 ONNX.

No package registry carries a permissively licensed COCO detector as ONNX, but one carries EfficientDet-Lite as TFLite
(Apache-2.0). This script rebuilds its graph operator by operator: quantised weights become float32, NHWC becomes NCHW,
and the closing TFLite custom operator (box decoding and NMS) is replaced by the box decoding alone. NMS stays with
skyeye, because the thresholds belong to its configuration.

The result, opset 13:

    images  float32 [1, 3, S, S]   RGB, 0..255; normalising (x - 127) / 128 is part of the graph
    boxes   float32 [1, N, 4]      x1, y1, x2, y2 in pixels of the input
    scores  float32 [1, N, 80]     COCO's 80 classes in their usual order, sigmoid applied

The same input gives the same bytes, so the manifest can pin the sha256 of the result. Versions of the packages it
needs are pinned, with their hashes, in requirements.txt beside it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

NUMPY_TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT64: np.int64,
    tflite.TensorType.INT8: np.int8,
}
QUANTISED_TYPES = (tflite.TensorType.INT32, tflite.TensorType.UINT8, tflite.TensorType.INT8)
OPERATOR_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}

# The network scores COCO's 90 category ids; these were never used, and dropping them gives the usual 80 classes.
UNUSED_COCO_IDS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
COCO_IDS = 90

# How a value lies in memory: TFLite's pictures are NHWC and become NCHW here; what a RESHAPE has flattened is plain.
NCHW, PLAIN = "nchw", "plain"


class Unsupported(Exception):
    """The file holds something that EfficientDet-Lite as published does not."""


def same_padding(size, kernel, stride):
    """TFLite's SAME padding before and after, along one axis."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Converter:
    """Reads one TFLite subgraph and collects the ONNX nodes and constants that do the same."""

    def __init__(self, data):
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes = []
        self.constants = []
        self.names = 0
        self.values = {}  # TFLite tensor index -> name of the ONNX value
        self.layouts = {}  # TFLite tensor index -> NCHW or PLAIN
        self.size = None
        self.anchors = None

    # Reading TFLite

    def operator_name(self, operator):
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        # Codes above 126 stand in one field and older ones in the other: the larger is the real one.
        return OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]

    def shape(self, tensor):
        return self.graph.Tensors(tensor).ShapeAsNumpy().tolist()

    def constant(self, index):
        """The stored tensor as an array, with quantisation undone."""
        tensor = self.graph.Tensors(index)
        stored = self.model.Buffers(tensor.Buffer())
        if stored.DataLength() == 0:
            raise Unsupported(f"tensor {index} is no constant")
        shape = self.shape(index) if tensor.ShapeLength() else ()
        array = np.frombuffer(stored.DataAsNumpy().tobytes(), NUMPY_TYPES[tensor.Type()]).reshape(shape)
        quantisation = tensor.Quantization()
        if tensor.Type() in QUANTISED_TYPES and quantisation and quantisation.ScaleLength():
            scale, zero = quantisation.ScaleAsNumpy(), quantisation.ZeroPointAsNumpy()
            along = [1] * array.ndim
            if len(scale) > 1:
                along[quantisation.QuantizedDimension()] = len(scale)
            array = ((array.astype(np.float64) - zero.reshape(along)) * scale.reshape(along)).astype(np.float32)
        return array

    # Writing ONNX

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def add_constant(self, array, prefix="c"):
        name = self.name(prefix)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind, inputs, **attributes):
        output = self.name(kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], name="n_" + output, **attributes))
        return output

    def activate(self, value, function):
        kinds = tflite.ActivationFunctionType
        if function == kinds.NONE:
            return value
        if function == kinds.RELU:
            return self.add("Relu", [value])
        if function == kinds.RELU6:
            low = self.add_constant(np.float32(0))
            high = self.add_constant(np.float32(6))
            return self.add("Clip", [value, low, high])
        raise Unsupported(f"activation function {function}")

    # One method an operator: takes (options, inputs, outputs), gives (name of the value, its layout).

    def convolution(self, options, inputs, outputs, depthwise):
        weights, bias = self.constant(inputs[1]), self.constant(inputs[2])
        _, height, width, channels = self.shape(inputs[0])
        if depthwise:
            weights = weights.transpose(3, 0, 1, 2)
            groups = weights.shape[0]
            if groups != channels:
                raise Unsupported("a depthwise convolution with a multiplier")
        else:
            weights = weights.transpose(0, 3, 1, 2)
            groups = 1
        kernel = list(weights.shape[2:])
        strides = [options.StrideH(), options.StrideW()]
        value = self.add(
            "Conv",
            [self.values[inputs[0]], self.add_constant(weights, "w"), self.add_constant(bias, "b")],
            kernel_shape=kernel,
            strides=strides,
            pads=self.pads(options, (height, width), kernel, strides),
            group=groups,
        )
        return self.activate(value, options.FusedActivationFunction()), NCHW

    @staticmethod
    def pads(options, sizes, kernel, strides):
        if options.Padding() != tflite.Padding.SAME:
            return [0, 0, 0, 0]
        (top, bottom), (left, right) = (same_padding(*axis) for axis in zip(sizes, kernel, strides))
        return [top, left, bottom, right]

    def conv_2d(self, options, inputs, outputs):
        return self.convolution(options, inputs, outputs, depthwise=False)

    def depthwise_conv_2d(self, options, inputs, outputs):
        return self.convolution(options, inputs, outputs, depthwise=True)

    def add_tensors(self, options, inputs, outputs):
        value = self.add("Add", [self.values[inputs[0]], self.values[inputs[1]]])
        return self.activate(value, options.FusedActivationFunction()), NCHW

    def max_pool_2d(self, options, inputs, outputs):
        kernel = [options.FilterHeight(), options.FilterWidth()]
        strides = [options.StrideH(), options.StrideW()]
        pads = self.pads(options, self.shape(inputs[0])[1:3], kernel, strides)
        value = self.add("MaxPool", [self.values[inputs[0]]], kernel_shape=kernel, strides=strides, pads=pads)
        return value, NCHW

    def resize_nearest_neighbor(self, options, inputs, outputs):
        if options.AlignCorners():
            raise Unsupported("a resize with aligned corners")
        _, height, width, channels = self.shape(outputs[0])
        if options.HalfPixelCenters():
            how = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
        else:
            how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        size = self.add_constant(np.array([1, channels, height, width], np.int64))
        return self.add("Resize", [self.values[inputs[0]], "", "", size], mode="nearest", **how), NCHW

    def reshape(self, _options, inputs, outputs):
        value = self.values[inputs[0]]
        if self.layouts[inputs[0]] == NCHW:
            value = self.add("Transpose", [value], perm=[0, 2, 3, 1])
        shape = self.add_constant(np.array(self.shape(outputs[0]), np.int64))
        return self.add("Reshape", [value, shape]), PLAIN

    def concatenation(self, options, inputs, outputs):
        if any(self.layouts[i] != PLAIN for i in inputs):
            raise Unsupported("a concatenation of pictures")
        return self.add("Concat", [self.values[i] for i in inputs], axis=options.Axis()), PLAIN

    def logistic(self, _options, inputs, outputs):
        return self.add("Sigmoid", [self.values[inputs[0]]]), self.layouts[inputs[0]]

    def detection_postprocess(self, inputs):
        """TFLite_Detection_PostProcess without its NMS: boxes from anchors, scores of the 80 classes."""
        encoded, scores = self.values[inputs[0]], self.values[inputs[1]]
        anchors = self.constant(inputs[2]).astype(np.float32)  # rows of y, x, height, width in 0..1
        self.anchors = anchors.shape[0]
        centre = self.add_constant(anchors[None, :, [1, 0]] * self.size)
        extent = self.add_constant(anchors[None, :, [3, 2]] * self.size)

        def columns(indices):
            return self.add("Gather", [encoded, self.add_constant(np.array(indices, np.int64))], axis=2)

        middle = self.add("Add", [self.add("Mul", [columns([1, 0]), extent]), centre])
        extent = self.add("Mul", [self.add("Exp", [columns([3, 2])]), extent])
        half = self.add("Mul", [extent, self.add_constant(np.float32(0.5))])
        boxes = self.add("Concat", [self.add("Sub", [middle, half]), self.add("Add", [middle, half])], axis=2)

        kept = [i - 1 for i in range(1, COCO_IDS + 1) if i not in UNUSED_COCO_IDS]
        scores = self.add("Gather", [scores, self.add_constant(np.array(kept, np.int64))], axis=2)
        self.nodes.append(helper.make_node("Identity", [boxes], ["boxes"]))
        self.nodes.append(helper.make_node("Identity", [scores], ["scores"]))

    BUILDERS = {
        "CONV_2D": (tflite.Conv2DOptions, conv_2d),
        "DEPTHWISE_CONV_2D": (tflite.DepthwiseConv2DOptions, depthwise_conv_2d),
        "ADD": (tflite.AddOptions, add_tensors),
        "MAX_POOL_2D": (tflite.Pool2DOptions, max_pool_2d),
        "RESIZE_NEAREST_NEIGHBOR": (tflite.ResizeNearestNeighborOptions, resize_nearest_neighbor),
        "RESHAPE": (None, reshape),
        "CONCATENATION": (tflite.ConcatenationOptions, concatenation),
        "LOGISTIC": (None, logistic),
    }

    def convert_operator(self, operator):
        name = self.operator_name(operator)
        inputs, outputs = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
        if name in ("QUANTIZE", "DEQUANTIZE"):  # everything is float32 here
            self.values[outputs[0]] = self.values[inputs[0]]
            self.layouts[outputs[0]] = self.layouts[inputs[0]]
        elif name == "CUSTOM":
            self.detection_postprocess(inputs)
        elif name in self.BUILDERS:
            options_type, build = self.BUILDERS[name]
            options = None
            if options_type:
                options = options_type()
                options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            self.values[outputs[0]], self.layouts[outputs[0]] = build(self, options, inputs, outputs)
        else:
            raise Unsupported(f"operator {name}")

    def convert(self):
        images = self.graph.Inputs(0)
        self.size = self.shape(images)[1]
        centred = self.add("Sub", ["images", self.add_constant(np.float32(127.0))])
        self.values[images] = self.add("Mul", [centred, self.add_constant(np.float32(1 / 128.0))])
        self.layouts[images] = NCHW
        for index in range(self.graph.OperatorsLength()):
            self.convert_operator(self.graph.Operators(index))
        if self.anchors is None:
            raise Unsupported("no detection operator at the end")

        def tensor(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "efficientdet_lite",
            [tensor("images", [1, 3, self.size, self.size])],
            [tensor("boxes", [1, self.anchors, 4]), tensor("scores", [1, self.anchors, 80])],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="effdet_tflite_to_onnx"
        )
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tflite", type=Path, help="the detector to read, e.g. efficientdet-lite0.tflite")
    parser.add_argument("onnx", type=Path, help="the file to write")
    arguments = parser.parse_args()
    converter = Converter(arguments.tflite.read_bytes())
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
