# Turns the migrations, named in their order, into a C table of their texts (src/state/migrations.h).
BEGIN {
    print "/* Made from the migrations in schemas/. */"
    print "#include \"state/migrations.h\""
    print ""
    printf "const char *const schema_migrations[] = {"
}
FNR == 1 { printf "%s", (NR == 1 ? "\n" : ",\n") }
{
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    print "    \"" $0 "\\n\""
}
END {
    print "};"
    print "const int schema_version = sizeof schema_migrations / sizeof *schema_migrations;"
}
