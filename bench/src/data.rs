//! Generated files: the same bytes in every run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use fastrand::Rng;

const WORDS: [&str; 12] = [
    "alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ironwood", "juniper",
    "katsura", "larch",
];

/// A CSV file of ten columns, about 120 bytes a row; some fields are quoted, as in real files.
pub fn csv(path: &Path, rows: usize) -> std::io::Result<()> {
    let mut rng = Rng::with_seed(7);
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "id,first,last,street,city,country,email,balance,active,noted")?;
    for id in 0..rows {
        let word = |rng: &mut Rng| WORDS[rng.usize(..WORDS.len())];
        let (first, last, city) = (word(&mut rng), word(&mut rng), word(&mut rng));
        let (number, cents, day) = (rng.u32(1..999), rng.u32(..9_999_999), rng.u32(1..28));
        let (whole, part) = (cents / 100, cents % 100);
        let active = rng.bool();
        writeln!(
            out,
            "{id},{first},{last},\"{number} {city} road, flat {day}\",{city}ville,NZ,\
             {first}.{last}{number}@mail.example,{whole}.{part:02},{active},2026-03-{day:02}T12:00:00Z"
        )?;
    }
    out.flush()
}
