//! Calls beside `run`: what is answered, and what is kept out of the answer.

// The providers of these tests are scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dstream_engine::lifecycle::{LifecycleAnswer, LifecycleRequest, call};
use dstream_engine::{Event, Failure, Protocol};
use dstream_protocol::Operation;
use serde_json::json;
use support::Project;

async fn plan(project: &Project) -> Result<LifecycleAnswer, Failure> {
    let environment = [("PATH".to_owned(), std::env::var("PATH").unwrap())];
    call(LifecycleRequest {
        task: "t",
        task_id: "",
        inputs: Vec::new(),
        checkpoint: Default::default(),
        streams: &[],
        member: &project.route.outputs[0],
        operation: Operation::Plan,
        secrets: &project.secrets,
        folder: project.folder.path(),
        environment: &environment,
        timeout: Duration::from_secs(50),
        events: Arc::new(|_: &Event| {}),
    })
    .await
}

#[tokio::test]
async fn a_report_shows_no_secret() {
    let script = r#"read -r command; echo '{"status":"ok","resources":[{"type":"table","name":"a","url":"db://u:hunter2-hunter2@h"}],"metadata":{"k":"hunter2-hunter2"},"message":"hunter2-hunter2"}'"#;
    let mut project = Project::new().output(Protocol::V2, script);
    project.secrets.insert("t/output/config.password", json!("hunter2-hunter2"));
    let answer = plan(&project).await.unwrap();
    assert_eq!(answer.report.resources[0]["url"], "db://u:(sensitive)@h");
    assert!(!serde_json::to_string(&answer.report).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn a_call_ends_with_its_process_also_where_a_stray_holds_the_pipes_open() {
    let script = r#"read -r command; setsid sleep 60 & sleep 0.1; echo '{"status":"ok"}'"#;
    let project = Project::new().output(Protocol::V2, script);
    let begin = Instant::now();
    plan(&project).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
