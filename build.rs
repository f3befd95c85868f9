//! Makes sure that `console/dist` exists, so that the embedding of the console's assets has a folder to look at and
//! cargo notices when the console is built. An empty folder is fine: the gateway then shows a page that says how to
//! build the console.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=console/dist");
    // A read-only source tree is no reason to fail: the embedding allows a missing folder.
    if let Err(e) = std::fs::create_dir_all("console/dist") {
        println!("cargo:warning=console/dist cannot be made ({e}); the console is built without assets");
    }
}
