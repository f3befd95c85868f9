#!/usr/bin/python3
"""An RTSP server that is not of our making: GStreamer's, on a free loopback port.

    gst_rtsp_server.py [--auth basic|digest --user U --password-file F] [--port P] NAME=CODEC:FILE ...

serves each Matroska FILE (CODEC h264, h265 or mjpeg) as rtsp://127.0.0.1:PORT/NAME, over TCP and UDP, and prints
`port PORT` once it listens. Ends when its standard input does, so that it never outlives the test that started it.
"""
import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PAY = {
    "h264": "h264parse ! rtph264pay name=pay0 pt=96",
    "h265": "h265parse ! rtph265pay name=pay0 pt=96",
    "mjpeg": "jpegparse ! rtpjpegpay name=pay0 pt=26",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--auth", choices=["basic", "digest"])
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file")
    parser.add_argument("--port", default="0")
    parser.add_argument("media", nargs="+", metavar="NAME=CODEC:FILE")
    args = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(args.port)
    if args.auth:
        with open(args.password_file, encoding="utf-8") as file:
            password = file.readline().rstrip("\n")
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if args.auth == "basic":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(args.user, password), token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(args.user, password, token)
        server.set_auth(auth)

    for media in args.media:
        name, _, rest = media.partition("=")
        codec, _, path = rest.partition(":")
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f'( filesrc location="{path}" ! matroskademux ! {PAY[codec]} )')
        if args.auth:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(f"/{name}", factory)

    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        sys.exit("cannot listen")
    print(f"port {server.get_bound_port()}", flush=True)

    def wait_for_end():
        sys.stdin.read()
        GLib.idle_add(loop.quit)

    threading.Thread(target=wait_for_end, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
