#!/usr/bin/env python3
"""The loop that `skyeye bench whole` is held against: one ffmpeg a camera that decodes key frames only, and one Python
process that gives each of them to ONNX Runtime.

It is what many a site runs today, and the reference of `bench whole --tier patrol`: run both on the same machine, same
cameras, same model, and compare `cpu_pct_a_channel` with `value` at the same `looks_hz_a_channel`.

    pip install onnxruntime numpy
    skyeye simulate --channels 48 --clip sub-stream.mp4 --listen 127.0.0.1:8554
    benches/nokey.py --url 'rtsp://127.0.0.1:8554/cam/{n}' --model yolox_nano.onnx --channels 48 --seconds 30

Processor time is user and system time of all its processes out of /proc, memory their proportional share. The model
must take one float picture of [1, 3, S, S]. The last line is one JSON object.
"""
import argparse
import json
import os
import selectors
import subprocess
import time

import numpy
import onnxruntime


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="address of a camera, {n} is its number from 1 on")
    parser.add_argument("--model", required=True)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--settle", type=float, default=12)
    args = parser.parse_args()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    model_input = session.get_inputs()[0]
    side = model_input.shape[2]
    size = side * side * 3

    selector = selectors.DefaultSelector()
    children = []
    for n in range(1, args.channels + 1):
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1", "-rtsp_transport", "tcp", "-skip_frame",
                   "nokey", "-i", args.url.replace("{n}", str(n)), "-an", "-fps_mode", "passthrough", "-s",
                   f"{side}x{side}", "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.set_blocking(child.stdout.fileno(), False)
        selector.register(child.stdout, selectors.EVENT_READ, bytearray())
        children.append(child)
    pids = [os.getpid()] + [child.pid for child in children]

    def used():
        return sum(cpu_s(pid) for pid in pids)

    looks, measured, began, before = 0, False, time.monotonic(), 0.0
    end = began + args.settle
    try:
        while True:
            now = time.monotonic()
            if now >= end:
                if measured:
                    break
                measured, looks, began, before, end = True, 0, now, used(), now + args.seconds
            for key, _ in selector.select(timeout=0.5):
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    raise SystemExit("a camera's ffmpeg ended")
                key.data.extend(piece)
                while len(key.data) >= size:
                    picture = numpy.frombuffer(bytes(key.data[:size]), dtype=numpy.uint8).reshape(side, side, 3)
                    del key.data[:size]
                    tensor = numpy.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=numpy.float32)
                    session.run(None, {model_input.name: tensor})
                    looks += 1
        took = time.monotonic() - began
        print(json.dumps({
            "bench": "nokey",
            "channels": args.channels,
            "cpu_pct_a_channel": round(100 * (used() - before) / took / args.channels, 4),
            "looks_hz_a_channel": round(looks / took / args.channels, 4),
            "mib_a_channel": round(sum(pss_kib(pid) for pid in pids) / 1024 / args.channels, 2),
        }))
    finally:
        for child in children:
            child.kill()
            child.wait()


if __name__ == "__main__":
    main()
