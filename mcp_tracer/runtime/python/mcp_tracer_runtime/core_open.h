/* The table of open spans: the first slot of a spool file that this core writes (docs/spool-format.md). Each span that has begun holds an entry
 * of the mapped file until its record is committed, so the calls that were running stay readable after SIGKILL. A span without an entry
 * (there are more open than entries) is written by the flush, once it is old enough. */
enum { OPEN_PAYLOAD = 144, OPEN_ENTRIES = (SLOT - CHUNK_HEADER) / (RECORD_BYTES + OPEN_PAYLOAD) };

typedef struct {
    Record record; /* seq 0: nobody's */
    u8 payload[OPEN_PAYLOAD];
} OpenEntry;

static struct {
    OpenEntry *entries; /* in the mapped file; NULL: no table */
    u8 *map;
    int free;           /* how many of `place` are nobody's; the last one given back is taken next, it is in the cache */
    u16 place[OPEN_ENTRIES];
} open_table;

static void open_table_unmap(void)
{
    if (open_table.map != NULL)
        munmap(open_table.map, HEADER_BYTES + SLOT);
    open_table.map = NULL;
    open_table.entries = NULL;
    open_table.free = 0;
}

/* Map the file's first slot, whose blocks are allocated, as the table. 0, or an errno. */
static int open_table_map(int file)
{
    ChunkHeader *head;
    u8 *map = mmap(NULL, HEADER_BYTES + SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        return errno;
    open_table.map = map;
    open_table.entries = (OpenEntry *)(map + HEADER_BYTES + CHUNK_HEADER);
    for (int i = 0; i < OPEN_ENTRIES; i++) {
        open_table.place[i] = (u16)(OPEN_ENTRIES - 1 - i);
        open_table.entries[i].record.kind = KIND_OPEN;
        open_table.entries[i].record.flags = 8;
        open_table.entries[i].record.count = 1;
    }
    open_table.free = OPEN_ENTRIES;
    head = (ChunkHeader *)(map + HEADER_BYTES);
    head->slots = 1;
    head->type = 2;
    head->state = 1;
    head->n = OPEN_ENTRIES;
    __atomic_store_n(&head->magic, CHUNK_MAGIC, __ATOMIC_RELEASE);
    return 0;
}

static inline OpenEntry *open_entry(void)
{
    return likely(open_table.free > 0) ? &open_table.entries[open_table.place[--open_table.free]] : NULL;
}

static inline void open_entry_return(OpenEntry *entry)
{
    __atomic_store_n(&entry->record.seq, 0, __ATOMIC_RELEASE);
    open_table.place[open_table.free++] = (u16)(entry - open_table.entries);
}
