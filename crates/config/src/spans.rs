//! Where the values of config blocks are written.

use std::collections::BTreeMap;

use dstream_protocol::Role;
use dstream_protocol::keys::snake_case;

use crate::source::Span;

/// The two places of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Span,
    pub(crate) value: Span,
}

/// Places in one block, by path. Keys are kept in snake case, so that either case finds them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockSpans {
    pub(crate) block: Span,
    places: BTreeMap<String, Place>,
}

/// Places in all blocks of all tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    blocks: BTreeMap<(String, Role, String), BlockSpans>,
}

impl BlockSpans {
    pub(crate) fn new(block: Span) -> Self {
        Self { block, places: BTreeMap::new() }
    }

    /// The first place that is told for a path stays.
    pub(crate) fn insert(&mut self, path: &str, key: Span, value: Span) {
        self.places.entry(normal(path)).or_insert(Place { key, value });
    }
}

impl Spans {
    pub(crate) fn insert(&mut self, task: &str, role: Role, block: &str, spans: BlockSpans) {
        self.blocks.insert((task.into(), role, block.into()), spans);
    }

    pub(crate) fn block(&self, task: &str, role: Role, block: &str) -> Option<Span> {
        self.blocks.get(&(task.into(), role, block.into())).map(|b| b.block.clone())
    }

    pub(crate) fn find(&self, task: &str, role: Role, block: &str, path: &str) -> Option<&Place> {
        let spans = self.blocks.get(&(task.into(), role, block.into()))?;
        let path = path.strip_prefix("config").map_or(path, |p| p.strip_prefix('.').unwrap_or(p));
        let mut path = normal(path);
        loop {
            if let Some(place) = spans.places.get(&path) {
                return Some(place);
            }
            if path.is_empty() {
                return None;
            }
            let shorter = path.rfind(['.', '[']).unwrap_or(0);
            path.truncate(shorter);
        }
    }
}

fn normal(path: &str) -> String {
    path.split('.').map(snake_case).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans() -> Spans {
        let mut block = BlockSpans::new(0..5);
        block.insert("", 10..16, 10..99);
        block.insert("tables", 20..26, 29..40);
        block.insert("tables[1]", 33..36, 33..36);
        block.insert("lockConfig.type", 50..54, 57..63);
        let mut spans = Spans::default();
        spans.insert("t", Role::Input, "input", block);
        spans
    }

    fn value(path: &str) -> Option<Span> {
        spans().find("t", Role::Input, "input", path).map(|p| p.value.clone())
    }

    #[test]
    fn a_path_is_found_with_and_without_its_prefix_and_in_either_case() {
        assert_eq!(value("config.tables[1]"), Some(33..36));
        assert_eq!(value("tables[1]"), Some(33..36));
        assert_eq!(value("lock_config.type"), Some(57..63));
    }

    #[test]
    fn what_is_not_written_is_found_at_the_nearest_above() {
        assert_eq!(value("tables[7].name"), Some(29..40));
        assert_eq!(value("nothing"), Some(10..99));
        assert_eq!(value(""), Some(10..99));
    }

    #[test]
    fn an_unknown_block_has_no_places() {
        assert_eq!(spans().find("other", Role::Input, "input", ""), None);
    }
}
