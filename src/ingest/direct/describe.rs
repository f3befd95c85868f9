//! The description of a stream (SDP, RFC 8866): the video that is ours to read, and where to ask for it.
//!
//! Addresses are joined as live555 and ffmpeg do and as cameras expect, which is not what RFC 3986 says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sdp_types::{Attribute, Media};
use url::Url;

use crate::types::Codec;

/// The video of a description.
#[derive(Debug, PartialEq, Eq)]
pub struct Video {
    pub codec: Codec,
    /// Address for SETUP.
    pub track: String,
    /// Address for PLAY and what follows.
    pub whole: String,
    /// Parameter sets that stand in the description, without start codes.
    pub sets: Vec<Vec<u8>>,
}

/// Reads a description; the error says what this way does not know.
pub fn read(sdp: &[u8], request: &Url, base: Option<&str>) -> Result<Video, &'static str> {
    let sdp = sdp_types::Session::parse(sdp).map_err(|_| "a description that cannot be parsed")?;
    let base = match base {
        None => request.clone(),
        // Some cameras leave the scheme out.
        Some(text) => Url::parse(text)
            .or_else(|_| Url::parse(&format!("{}://{text}", request.scheme())))
            .map_err(|_| "a base address that cannot be parsed")?,
    };
    let whole = match value(&sdp.attributes, "control") {
        Some(control) => join(&base, control),
        None => request.to_string(),
    };
    for media in sdp.medias.iter().filter(|m| m.media == "video") {
        let Some((codec, number)) = codec(media)? else { continue };
        let track = value(&media.attributes, "control").map_or_else(|| base.to_string(), |c| join(&base, c));
        let sets = parameter_sets(codec, media, number)?;
        return Ok(Video { codec, track, whole, sets });
    }
    Err("no H.264 or H.265 video")
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.attribute == name)?.value.as_deref().map(str::trim)
}

fn join(base: &Url, control: &str) -> String {
    if control == "*" {
        return base.to_string();
    }
    if Url::parse(control).is_ok() {
        return control.to_owned();
    }
    let base = base.as_str();
    format!("{base}{}{control}", if base.ends_with('/') { "" } else { "/" })
}

/// Codec and the number of its format; `None` for a video that nobody here reads.
fn codec(media: &Media) -> Result<Option<(Codec, &str)>, &'static str> {
    if !media.proto.contains("RTP/") {
        return Ok(None);
    }
    // The first format is the one that is sent.
    let number = media.fmt.split_ascii_whitespace().next().unwrap_or_default();
    let Some(map) = of_format(media, "rtpmap", number) else { return Err("a video without a map of its format") };
    let mut parts = map.trim().split('/');
    let codec = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "h264" => Codec::H264,
        "h265" => Codec::H265,
        "jpeg" => return Err("MJPEG"),
        _ => return Ok(None),
    };
    if parts.next() != Some("90000") {
        return Err("a clock other than 90 kHz");
    }
    Ok(Some((codec, number)))
}

/// The value of an attribute that begins with the number of a format.
fn of_format<'a>(media: &'a Media, name: &str, number: &str) -> Option<&'a str> {
    let values = media.attributes.iter().filter(|a| a.attribute == name).filter_map(|a| a.value.as_deref());
    values.filter_map(|v| v.trim().split_once(' ')).find(|(n, _)| *n == number).map(|(_, v)| v)
}

fn parameter_sets(codec: Codec, media: &Media, number: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut sets = Vec::new();
    let Some(line) = of_format(media, "fmtp", number) else { return Ok(sets) };
    for (key, value) in line.split(';').filter_map(|p| p.trim().split_once('=')) {
        match (codec, key.to_ascii_lowercase().as_str()) {
            (Codec::H264, "packetization-mode") if value.trim() == "2" => return Err("interleaved packets"),
            (Codec::H265, "sprop-max-don-diff" | "sprop-depack-buf-nalus") if value.trim() != "0" => {
                return Err("interleaved packets");
            }
            (Codec::H264, "sprop-parameter-sets") | (Codec::H265, "sprop-vps" | "sprop-sps" | "sprop-pps") => {
                // What cannot be read is no loss: they come in the stream too, or the unit is refused for want of them.
                sets.extend(value.split(',').filter_map(|s| STANDARD.decode(s.trim()).ok()));
            }
            _ => {}
        }
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(lines: &str, base: Option<&str>) -> Result<Video, &'static str> {
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\n{lines}");
        read(sdp.as_bytes(), &Url::parse("rtsp://10.0.0.1/live?ch=1").unwrap(), base)
    }

    #[test]
    fn the_first_video_is_taken_with_its_sets() {
        let found = video(
            "a=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=2\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000 \r\n\
             a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAKeKQ,aM48gA==\r\na=control:trackID=1\r\n",
            Some("rtsp://10.0.0.1/live/"),
        )
        .unwrap();
        assert_eq!(found.codec, Codec::H264);
        assert_eq!(found.track, "rtsp://10.0.0.1/live/trackID=1");
        assert_eq!(found.whole, "rtsp://10.0.0.1/live/");
        assert_eq!(found.sets, [vec![0x67, 0x42, 0, 0x29, 0xe2, 0x90], vec![0x68, 0xce, 0x3c, 0x80]]);
    }

    #[test]
    fn addresses_are_joined_as_cameras_expect() {
        let lines =
            |control: &str| format!("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:{control}\r\n");
        let track = |control, base| video(&lines(control), base).unwrap().track;
        assert_eq!(track("streamid=0", None), "rtsp://10.0.0.1/live?ch=1/streamid=0");
        assert_eq!(track("rtsp://10.0.0.1/x/track1", None), "rtsp://10.0.0.1/x/track1");
        assert_eq!(track("track1", Some("10.0.0.1:554/cam")), "rtsp://10.0.0.1:554/cam/track1");
        assert_eq!(video(&lines("x"), None).unwrap().whole, "rtsp://10.0.0.1/live?ch=1");
    }

    #[test]
    fn what_is_not_known_is_left_to_the_general_client() {
        for lines in [
            "m=video 0 RTP/AVP 26\r\n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 JPEG/90000\r\n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=2\r\n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/48000\r\n",
            "m=audio 0 RTP/AVP 0\r\n",
        ] {
            assert!(video(lines, None).is_err(), "{lines}");
        }
        assert!(read(b"hello", &Url::parse("rtsp://10.0.0.1/").unwrap(), None).is_err());
    }
}
