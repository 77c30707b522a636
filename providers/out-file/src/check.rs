//! `check`: can the files be written?

use dstream_sdk::{Check, Context as _, Result, TaskContext};

use crate::config::{Config, Settings};
use crate::output::FileOutput;

impl Check for FileOutput {
    type Config = Config;

    async fn check(config: Config, context: &TaskContext) -> Result<String> {
        let settings = Settings::new(config, &context.task)?;
        let root = settings.template.root();
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot create the folder {}", root.display()))?;
        let probe = root.join(format!(".dstream.check.{}", std::process::id()));
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .with_context(|| format!("cannot write to the folder {}", root.display()))?;
        Ok(format!("{} can be written", root.display()))
    }
}
