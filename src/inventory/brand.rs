//! Stream addresses of recorders and cameras by maker, where a list gives host, maker and channel number instead.

use crate::config::StreamKind;

/// Names under which a maker is written, lower case, and the paths of main and sub stream.
struct Brand {
    names: &'static [&'static str],
    main: &'static str,
    sub: &'static str,
}

const BRANDS: [Brand; 6] = [
    Brand {
        names: &["hikvision", "hik", "海康", "海康威视"],
        main: "/Streaming/Channels/{channel}01",
        sub: "/Streaming/Channels/{channel}02",
    },
    Brand {
        names: &["dahua", "大华"],
        main: "/cam/realmonitor?channel={channel}&subtype=0",
        sub: "/cam/realmonitor?channel={channel}&subtype=1",
    },
    Brand {
        names: &["uniview", "unv", "宇视"],
        main: "/unicast/c{channel}/s0/live",
        sub: "/unicast/c{channel}/s1/live",
    },
    Brand {
        names: &["axis", "安讯士"],
        main: "/axis-media/media.amp?camera={channel}",
        sub: "/axis-media/media.amp?camera={channel}&resolution=640x360",
    },
    Brand { names: &["tp-link", "tplink", "普联"], main: "/stream1", sub: "/stream2" },
    Brand { names: &["reolink"], main: "/h264Preview_{channel:02}_main", sub: "/h264Preview_{channel:02}_sub" },
];

/// The address of a stream. The error is a sentence about the maker.
pub fn url(brand: &str, host: &str, port: u16, channel: u32, stream: StreamKind) -> Result<String, String> {
    let name = brand.trim().to_lowercase();
    let found = BRANDS.iter().find(|b| b.names.contains(&name.as_str()));
    let found = found.ok_or_else(|| {
        let known: Vec<_> = BRANDS.iter().map(|b| b.names[0]).collect();
        format!("is no maker whose addresses are known ({}); give the address itself in a column url", known.join(", "))
    })?;
    let path = match stream {
        StreamKind::Main => found.main,
        StreamKind::Sub => found.sub,
    };
    let path = path.replace("{channel:02}", &format!("{channel:02}")).replace("{channel}", &channel.to_string());
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = if port == 554 || port == 0 { String::new() } else { format!(":{port}") };
    Ok(format!("rtsp://{host}{port}{path}"))
}
