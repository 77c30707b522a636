//! Manifests of both forms, and of neither.

use serde_json::{Value, json};

use super::super::manifest::parse;
use super::*;

fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

fn layer(title: &str) -> Value {
    json!({ "mediaType": "application/octet-stream", "digest": digest(title), "size": 7,
        "annotations": { TITLE: title } })
}

fn manifest(kind: &str, layers: &[Value]) -> Value {
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest("{}"), "size": 2 });
    json!({ "schemaVersion": 2, "artifactType": kind, "config": config, "layers": layers })
}

fn read(document: &Value) -> Result<Package, OciError> {
    match parse(document.to_string().as_bytes(), "x")? {
        OciManifest::Image(content) => artifact(&content, Digest::of(b""), "x"),
        OciManifest::ImageIndex(_) => panic!("an index"),
    }
}

#[test]
fn the_artifact_of_the_original_has_a_layer_for_each_platform_and_one_description() {
    let layers = ["plugin.linux_amd64", "plugin.windows_amd64.exe", "README.md", "provider.json"];
    let package = read(&manifest(PROVIDER, &layers.map(layer))).unwrap();
    let names: Vec<String> = package.binaries.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["linux_amd64", "windows_amd64"]);
    let linux = &package.binaries[&"linux_amd64".parse().unwrap()];
    assert_eq!(linux.program.digest.to_string(), digest("plugin.linux_amd64"));
    assert_eq!(linux.description.as_ref().unwrap().to_string(), digest("provider.json"));
}

#[test]
fn a_platform_that_is_not_there_is_an_error_that_lists_what_is() {
    let package = read(&manifest(PROVIDER, &[layer("plugin.plan9_mips")])).unwrap();
    let reference = "ghcr.io/acme/x:v1".parse().unwrap();
    let error = package.binary(&reference, &"linux_amd64".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "ghcr.io/acme/x:v1 has no binary for linux_amd64");
    assert_eq!(error.help(), ["there are binaries for plan9_mips"]);
}

#[test]
fn what_is_no_provider_says_what_it_is() {
    let helm = manifest("application/vnd.cncf.helm.config.v1+json", &[layer("plugin.linux_amd64")]);
    assert!(read(&helm).unwrap_err().to_string().contains("vnd.cncf.helm"));
    let empty = manifest(PROVIDER, &[layer("tool.tar.gz")]);
    assert!(read(&empty).unwrap_err().to_string().contains("tool.tar.gz"));
}

#[test]
fn titles_that_would_leave_a_folder_are_no_programs() {
    for title in [
        "../plugin.linux_amd64",
        "/etc/plugin.linux_amd64",
        "plugin.linux_amd64/../../x",
        "plugin.../x_y",
        "plugin.linux_amd64.exe.exe",
        "plugin.linux_amd64\n",
        "plugin.",
    ] {
        assert_eq!(titled_platform(title), None, "{title:?}");
        let error = read(&manifest(PROVIDER, &[layer(title)])).unwrap_err();
        assert!(matches!(error, OciError::WrongType { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn sizes_and_digests_that_cannot_be_are_refused() {
    let with = |digest: &str, size: i64| {
        let mut one = layer("plugin.linux_amd64");
        one["digest"] = json!(digest);
        one["size"] = json!(size);
        read(&manifest(PROVIDER, &[one])).unwrap_err()
    };
    assert!(matches!(with("sha256:../../x", 7), OciError::Malformed { .. }));
    assert!(matches!(with(&digest("x"), -1), OciError::Malformed { .. }));
    assert!(matches!(with(&digest("x"), i64::MAX), OciError::TooLarge { .. }));
    let twice = manifest(PROVIDER, &[layer("plugin.linux_amd64"), layer("plugin.linux_amd64")]);
    assert!(matches!(read(&twice), Err(OciError::Malformed { .. })));
}

#[test]
fn an_index_lists_platforms_once_and_only_those_of_providers() {
    let entry = |os: &str| {
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest(os), "size": 7, "platform": { "os": os, "architecture": "amd64" } })
    };
    let index = |kind: Value, entries: Vec<Value>| {
        let document = json!({ "schemaVersion": 2, "artifactType": kind, "manifests": entries });
        match parse(document.to_string().as_bytes(), "x").unwrap() {
            OciManifest::ImageIndex(index) => entries_of(&index),
            OciManifest::Image(_) => panic!("a manifest"),
        }
    };
    let names = index(json!(PROVIDER), vec![entry("linux"), entry("unknown"), entry("darwin")]);
    assert_eq!(names.unwrap(), ["linux_amd64", "darwin_amd64"]);
    assert!(index(Value::Null, vec![entry("linux")]).unwrap_err().contains("container images"));
    assert!(index(json!(PROVIDER), vec![]).unwrap_err().contains("no platform"));
    assert!(index(json!(PROVIDER), vec![entry("../x")]).unwrap_err().contains("no platform:"));
    let many = (0..65).map(|n| entry(&format!("os{n}"))).collect();
    assert!(index(json!(PROVIDER), many).unwrap_err().contains("65 platforms"));
}

fn entries_of(index: &OciImageIndex) -> Result<Vec<String>, String> {
    let found = entries(index, "x").map_err(|e| e.to_string())?;
    Ok(found.into_iter().map(|(platform, _)| platform.to_string()).collect())
}
