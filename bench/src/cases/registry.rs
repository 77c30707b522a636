//! Providers from a registry: pulling one, and what it costs to start one that was pulled.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dstream_registry::oci::{Form, Publication, Registries};
use dstream_registry::{Credentials, Digest, Hosts, Platform, Reference};
use dstream_servers::OciRegistry;

use crate::launch::{Run, measure, program};
use crate::pairs::{self, Spread};
use crate::report::{Row, at_most};
use crate::{Size, launch};

/// The size of a provider that is not small.
const PROVIDER: usize = 70 << 20;

/// `dstream provider pull` beside `curl` of the same bytes.
pub fn pull(size: &Size) -> Vec<Row> {
    let registry = OciRegistry::start();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let file = work.path().join("provider");
    let mut bytes = vec![0; PROVIDER];
    fastrand::Rng::with_seed(70).fill(&mut bytes);
    fs::write(&file, &bytes).expect("writable");
    let reference = publish(&registry, "dstream-in-large", &file, "bench-source");
    let url = format!(
        "http://{}/v2/{}/blobs/{}",
        registry.host(),
        reference.repository(),
        Digest::of(&bytes)
    );
    let (cache, other) = (work.path().join("cache"), work.path().join("blob"));
    let result = pairs::measure(
        size.pairs,
        || {
            let _absent = fs::remove_dir_all(&cache);
            let mut pull = program("dstream");
            pull.args(["provider", "pull", &reference.to_string()]);
            quiet(pull.env("XDG_CACHE_HOME", &cache).current_dir(work.path()))
        },
        || {
            let _absent = fs::remove_file(&other);
            quiet(Command::new("curl").args(["-s", "-S", "-f", "-o"]).arg(&other).arg(&url))
        },
    );
    let seconds = |run: &Run| run.wall.as_secs_f64();
    let times = Spread::of(
        result.ours.iter().zip(&result.other).map(|(a, b)| seconds(a) / seconds(b)).collect(),
    );
    let ms = |runs: &[Run]| Spread::of(runs.iter().map(|r| seconds(r) * 1e3).collect()).show(0);
    vec![Row {
        what: "`dstream provider pull` of 70 MiB, digest checked".into(),
        ours: format!("{} ms", ms(&result.ours)),
        other: format!("`curl` of the same bytes: {} ms", ms(&result.other)),
        figure: format!("{} × the time", times.show(2)),
        bound: "≤ 1.3 × the time".into(),
        holds: times.median <= 1.3,
        note: "a registry on this machine".into(),
    }]
}

/// A task whose providers are in the cache beside the same by their paths.
pub fn start(size: &Size) -> Vec<Row> {
    let registry = OciRegistry::start();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let cache = work.path().join("cache");
    let publish = |name: &str| {
        let file = launch::binaries().join(name);
        publish(&registry, &format!("dstream-{name}"), &file, name)
    };
    let [source, sink] = ["bench-source", "bench-sink"].map(publish);
    let pulled = [format!("provider_ref = \"{source}\""), format!("provider_ref = \"{sink}\"")];
    let here = ["bench-source", "bench-sink"].map(|name| {
        format!("provider_path = \"{}\"\n protocol = 2", launch::binaries().join(name).display())
    });
    let [pulled, here] = [("pulled", pulled), ("here", here)].map(|(name, blocks)| {
        let folder = work.path().join(name);
        task(&folder, &blocks);
        folder
    });
    let run = |folder: &Path| {
        let _absent = fs::remove_dir_all(folder.join(".dstream/tasks"));
        let mut run = program("dstream");
        quiet(run.args(["run", "bench"]).env("XDG_CACHE_HOME", &cache).current_dir(folder))
    };
    let result = pairs::measure(size.pairs * 5, || run(&pulled), || run(&here));
    let ms = |run: &Run| run.wall.as_secs_f64() * 1e3;
    let added: Vec<f64> =
        result.ours.iter().zip(&result.other).map(|(a, b)| ms(a) - ms(b)).collect();
    let (added, all) = (Spread::of(added), Spread::of(result.ours.iter().map(ms).collect()));
    let note = format!("{} ms added; the whole run {} ms", added.show(1), all.show(1));
    vec![at_most(
        "starting two providers from the cache, beside starting them by path",
        added.median,
        10.0,
        "ms",
        note,
    )]
}

fn task(folder: &Path, [source, sink]: &[String; 2]) {
    fs::create_dir_all(folder).expect("writable");
    let text = format!(
        "task \"bench\" {{\n input {{\n {source}\n config {{\n lines = 0\n size = 500\n }}\n }}\n output {{\n {sink}\n config {{}}\n }}\n}}\n"
    );
    fs::write(folder.join("dstream.hcl"), text).expect("writable");
}

/// Puts a file into the registry, with the description of one of this package's own programs.
fn publish(registry: &OciRegistry, name: &str, file: &Path, described: &str) -> Reference {
    let json =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/bin").join(format!("{described}.json"));
    let publication = Publication {
        name: name.to_owned(),
        programs: BTreeMap::from([(Platform::current(), file.to_owned())]),
        description: fs::read(json).expect("it is in this package"),
        annotations: BTreeMap::new(),
    };
    let text = format!("{}/bench/{name}:v1", registry.host());
    let reference: Reference = text.parse().expect("a reference");
    let registries = Registries::new(Hosts::new(), Credentials::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let parts = publication.assemble(Form::Index).expect("the file is there");
    let sent = registries.send(&reference, &parts, &|_, _| {});
    runtime.expect("a runtime").block_on(sent).expect("the registry takes it");
    reference
}

fn quiet(command: &mut Command) -> Run {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    measure(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
