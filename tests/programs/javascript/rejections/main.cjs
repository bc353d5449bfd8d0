// What nobody handles must still be reported, and reported once.
process.on('unhandledRejection', (error) => console.log('unhandled', error.message));
async function lost() { await null; throw new Error('async'); }
function returned() { return Promise.reject(new Error('returned')); }
async function adopted() { return returned(); }
lost(); returned(); adopted();
adopted().catch((error) => console.log('handled', error.message));
