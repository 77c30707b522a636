//! Replays every transcript against the reference providers, and wants every message in one.

use std::path::PathBuf;
use std::thread;

use dstream_testkit::{Failure, Result, Transcript};

fn transcripts() -> Result<Vec<(String, Transcript)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/transcripts");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| Ok((name(path), Transcript::read(path)?))).collect()
}

fn program(provider: &str) -> &'static str {
    match provider {
        "input" => env!("CARGO_BIN_EXE_reference-input"),
        "transform" => env!("CARGO_BIN_EXE_reference-transform"),
        _ => env!("CARGO_BIN_EXE_reference-output"),
    }
}

#[test]
fn the_sdk_speaks_every_transcript() -> Result {
    let all = transcripts()?;
    assert!(all.len() > 40, "only {} transcripts were found", all.len());
    let replays: Vec<_> = all
        .into_iter()
        .map(|(name, one)| (name, thread::spawn(move || one.replay(program(&one.provider)))))
        .collect();
    let mut failures = String::new();
    for (name, replay) in replays {
        if let Err(Failure(text)) = replay.join().unwrap() {
            failures += &format!("\n{name}: {text}\n");
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure(failures)) }
}

#[test]
fn there_is_a_transcript_of_every_message() -> Result {
    let mut seen: Vec<String> = transcripts()?.iter().flat_map(|(_, t)| t.messages()).collect();
    seen.sort();
    seen.dedup();
    let host =
        ["data", "@schema", "@checkpoint", "@committed", "@claim", "@claimed", "@stop", "@end"];
    let commands = [
        "run v1",
        "run v2",
        "init v1",
        "init v2",
        "plan v2",
        "status v2",
        "destroy v2",
        "check v2",
        "discover v2",
    ];
    let provider = [
        "ready",
        "error",
        "report",
        "description",
        "data",
        "@schema",
        "@checkpoint",
        "@committed",
        "@rejected",
        "@progress",
        "@error",
        "@claim",
        "@claimed",
        "@end",
    ];
    let wanted = host.iter().chain(&commands).map(|m| format!("host {m}"));
    for message in wanted.chain(provider.iter().map(|m| format!("provider {m}"))) {
        assert!(seen.contains(&message), "no transcript has: {message}");
    }
    Ok(())
}
