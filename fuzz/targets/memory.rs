#![cfg_attr(fuzzing, no_main)]

inquiry_otl_fuzz::target!(memory);
