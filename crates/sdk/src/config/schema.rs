//! The JSON Schema of a config type.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::Transform};
use serde_json::Value;

/// The schema that `describe` prints: closed, so that a host can name an unknown key.
pub fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().with_transform(Close).into_generator();
    generator.into_root_schema_for::<T>().into()
}

/// Sets `additionalProperties: false` where an object lists its properties and nothing else adds
/// to them.
#[derive(Debug, Clone)]
struct Close;

impl Transform for Close {
    fn transform(&mut self, schema: &mut Schema) {
        schemars::transform::transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        let adds =
            ["additionalProperties", "unevaluatedProperties", "oneOf", "anyOf", "allOf", "$ref"];
        let is_object = object.get("type") == Some(&"object".into());
        if is_object && !adds.iter().any(|key| object.contains_key(*key)) {
            let none = object.get("properties").is_none();
            if none {
                object.insert("properties".into(), Value::Object(serde_json::Map::new()));
            }
            object.insert("additionalProperties".into(), false.into());
        }
    }
}
